#!/bin/bash
# Anonymous memory of a conversion: an input of 8 GB (a hole, so it costs no disk), and one of 6 GB
# under an address space of 1 GiB, with cp as the floor. Environment: see lib.sh, and
#   GIGABYTES, SMALL_GIGABYTES   default 8 and 6
#   BUDGETS                      values of --memory to try, default "64MiB 256MiB 1GiB"
set -euo pipefail
source "$(dirname "$0")/lib.sh"
rounds=1
large=$(model "sparse-${GIGABYTES:-8}" --size 7b --gigabytes "${GIGABYTES:-8}" --sparse)
small=$(model "sparse-${SMALL_GIGABYTES:-6}" --size 7b --gigabytes "${SMALL_GIGABYTES:-6}" --sparse)
out=$work/out.gguf
machine
commands=("cp to a hole" "$(printf '%q ' cp --sparse=always "$large/model.safetensors" "$out")")
for budget in ${BUDGETS:-64MiB 256MiB 1GiB}; do
  commands+=("q4_0 -j 2 --memory $budget"
    "$(convert "$large" -t gguf -Q q4_0 --pure -j 2 --memory "$budget" -o "$out")")
done
limited=$(convert "$small" -t gguf -Q q4_0 --pure -j 2 --memory 256MiB -o "$out")
commands+=("${SMALL_GIGABYTES:-6} GB, ulimit -v 1 GiB"
  "$(printf '%q ' bash -c "ulimit -v 1048576; exec $limited")")
measure --memory --before "$(printf '%q ' rm -f "$out")" "${commands[@]}"
rm -f "$out"

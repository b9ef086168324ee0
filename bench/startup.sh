#!/bin/bash
# What a run costs before it does anything: `recast version` beside /bin/true, and `recast inspect` of
# files with 100,000 tensors beside cat of the same file. Environment: see lib.sh, and
#   TENSORS   default 100000
set -euo pipefail
source "$(dirname "$0")/lib.sh"
tensors=${TENSORS:-100000}
rounds=${ROUNDS:-10}
machine
measure "true" /bin/true "recast version" "$(printf '%q ' "$recast" version)"
for kind in gguf safetensors; do
  file=$work/many-$tensors.$kind
  [ -f "$file" ] || python3 "$bench/make_many.py" "$file" --tensors "$tensors"
  warm "$file"
  measure --memory "cat $kind" "$(printf '%q ' cat "$file")" \
    "inspect $kind, $tensors tensors" "$(printf '%q ' "$recast" inspect "$file")"
done

#!/bin/bash
# Every damaged or hostile input of the formats that Recast reads gets the right verdict.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
recast=$(realpath "${RECAST:-$here/../../build/release/recast}")
shared=${RECAST_SHARED:-$here/../../../shared}
[ -d "$shared/badinputs" ] || { echo "SKIPPED: no reference data (RECAST_SHARED)" >&2; exit 77; }
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
unset RECAST RECAST_SHARED RECAST_ORACLES
python3 "$shared/badinputs/make_bad_inputs.py" "$folder/in" > "$folder/log"
# An instrumented program reserves terabytes of addresses.
limit=4096
! grep -q __asan_init "$recast" || limit=0
python3 "$shared/badinputs/run_bad_inputs.py" "$folder/in" --jobs 2 --as-mb $limit \
  --formats "${BAD_FORMATS:-safetensors,gguf,hf,pytorch,tokenizer}" \
  --cmd "$recast convert {in} -o {out} -t {to} --force" --validate-cmd "$recast validate {in}"

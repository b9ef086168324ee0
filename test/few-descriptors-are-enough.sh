#!/bin/bash
. "$(dirname "$0")/lib.sh"
rows=()
for i in {1..1000}; do rows+=("t$i F32 64x64 0000803f00000040"); done
write_safetensors many.safetensors "${rows[@]}"
mkdir parts
(ulimit -n 64; quietly convert many.safetensors -o parts/m.safetensors --shard-size 16400 --no-manifest)
[ "$(ls parts | wc -l)" -ge 1000 ] || fail "only $(ls parts | wc -l) parts"
(ulimit -n 64; quietly convert parts -o joined.safetensors --no-manifest)
python3 - << 'END' || fail "the parts hold other tensors"
import json, struct, sys
def tensors(path):
    with open(path, "rb") as file:
        data = file.read()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return {name: (row["dtype"], row["shape"], data[8 + n:][slice(*row["data_offsets"])])
            for name, row in header.items()}
sys.exit(tensors("many.safetensors") != tensors("joined.safetensors"))
END
refused=0
for n in {4..16}; do
  code=0
  (exec > "$out" 2> "$err"; ulimit -n $n; exec "$program" convert many.safetensors -o few.safetensors) || code=$?
  [ $code != 127 ] || continue  # not even its libraries
  [ $code != 0 ] || break
  refused=$((refused + 1))
  [ $code = 3 ] || [ $code = 7 ] || { cat "$err" >&2; fail "exit $code with $n descriptors"; }
  expect_text '^error\[EO013\]'
  expect_text 'ulimit -n'
  expect_only many.safetensors joined.safetensors parts
done
[ $refused -gt 0 ] || fail "no number of descriptors was too small"

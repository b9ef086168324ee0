#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o m.gguf -Q f16 --no-manifest
quietly convert m.gguf -o parts.gguf --split size:3M --no-manifest
first=$(ls parts-00001-of-*.gguf)
count=$(ls parts-*.gguf | wc -l)
[ "$count" -gt 2 ] || fail "too few parts"
expect_exit 0 recast quantize "$first" small.gguf q4_0 --keep-split --no-manifest --verify tensors
[ "$(ls small-*.gguf | wc -l)" = "$count" ] || fail "another number of parts"
expect_exit 0 recast validate small-00001-of-*.gguf
for i in $(seq 1 "$count"); do
  n=$(printf '%05d-of-%05d' "$i" "$count")
  names() { python3 -c "import sys; sys.path.insert(0, '$test_dir'); import gguf_data
print('\n'.join(gguf_data.tensor_shapes('$1')))"; }
  diff <(names parts-$n.gguf) <(names small-$n.gguf) || fail "part $i holds other tensors"
done
# One file of the same tensors
quietly convert m.gguf -o one.gguf -Q q4_0 --no-manifest
quietly convert small-00001-of-*.gguf -o joined.gguf --no-manifest
python3 "$test_dir/gguf_data.py" one.gguf joined.gguf || fail "other tensors"
expect_exit 0 recast quantize m.gguf whole.gguf q4_0 --keep-split --no-manifest
expect_text 'no effect'
expect_exit 2 recast quantize "$first" out.gguf q4_0 --keep-split --split tensors:3

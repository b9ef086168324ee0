#!/bin/bash
. "$(dirname "$0")/lib.sh"
rows=()
for i in {1..1000}; do rows+=("t$i F32 64x64 0000803f00000040"); done
write_safetensors many.safetensors "${rows[@]}"
mkdir parts
(ulimit -n 64; quietly convert many.safetensors -o parts/m.safetensors --shard-size 16400 --no-manifest)
[ "$(ls parts | wc -l)" -ge 1000 ] || fail "only $(ls parts | wc -l) parts"
(ulimit -n 64; quietly convert parts -o joined.safetensors --no-manifest)
quietly convert many.safetensors -o same.safetensors --no-manifest
expect_same same.safetensors joined.safetensors
for n in 4 5 6 7 8 9; do
  code=0
  (ulimit -n $n; exec "$program" convert many.safetensors -o few.safetensors > "$out" 2> "$err") || code=$?
  [ $code = 0 ] && break
  [ $code = 3 ] || [ $code = 7 ] || { cat "$err" >&2; fail "exit $code with $n descriptors"; }
  expect_text '^error\[EO013\]'
  expect_text 'ulimit -n'
  expect_only many.safetensors same.safetensors joined.safetensors parts
done

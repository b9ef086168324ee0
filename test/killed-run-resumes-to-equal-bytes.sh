#!/bin/bash
. "$(dirname "$0")/lib.sh"
rows=()
for i in {1..32}; do rows+=("t$i F32 1024x1024 0000803f00000040"); done
write_safetensors big.safetensors "${rows[@]}"  # 128 MiB, so that a run can be met in the middle
run=(convert big.safetensors -o out.safetensors --precision bf16 --journal=1M -j 1 --no-manifest)
quietly convert big.safetensors -o whole.safetensors --precision bf16 --no-manifest
records() { cat .out.safetensors.journal 2> /dev/null | wc -l; }
killed=0
for enough in 2 4 8 16; do
  "$program" "${run[@]}" > /dev/null 2>&1 &
  while [ -n "$(jobs -rp)" ] && [ "$(records)" -lt $enough ]; do :; done
  kill -9 $! 2> /dev/null || true
  wait $! 2> /dev/null || true
  [ ! -e .out.safetensors.journal ] || killed=$((killed + 1))
  if [ -e out.safetensors ]; then expect_same whole.safetensors out.safetensors; break; fi
done
[ $killed -gt 0 ] || fail "no run was met in the middle"
if [ ! -e out.safetensors ]; then
  expect_exit 7 recast convert big.safetensors -o out.safetensors --precision fp16 --journal=1M
  expect_text '--restart'  # the journal belongs to other options
  quietly "${run[@]}"
fi
expect_same whole.safetensors out.safetensors
expect_only big.safetensors whole.safetensors out.safetensors

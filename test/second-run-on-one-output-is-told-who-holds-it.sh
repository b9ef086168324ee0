#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_big 128
quietly convert big.safetensors -o whole.safetensors --precision bf16 --no-manifest
hold out.safetensors
for dry in '' -n; do
  expect_exit 7 recast convert big.safetensors -o out.safetensors --precision bf16 --force $dry
  expect_text '^error\[EO003\]'
  expect_text "process $run on .* since 20..-..-..T"
done
expect_exit 0 recast convert big.safetensors -o other.safetensors --precision bf16 --no-manifest
expect_same whole.safetensors other.safetensors  # beside it there is room for another
let_go 0
expect_same whole.safetensors out.safetensors
expect_only big.safetensors whole.safetensors other.safetensors out.safetensors

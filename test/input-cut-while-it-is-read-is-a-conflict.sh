#!/bin/bash
. "$(dirname "$0")/lib.sh"
for way in '--precision bf16' ''; do  # through the arithmetic, then as a copy
  write_big 128
  echo old > out.safetensors
  hold out.safetensors --force $way
  truncate -s 20M big.safetensors
  let_go 7
  expect_text '^error\[EI011\]'
  expect_text 'big.safetensors'
  [ "$(cat out.safetensors)" = old ] || fail "the old output changed"
  expect_only big.safetensors out.safetensors
done

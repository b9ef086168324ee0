#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_big 16
echo old > out.safetensors
for options in '' '--skip-disk-check' '--journal=1M'; do
  code=0
  (ulimit -f 4000; "$program" convert big.safetensors -o out.safetensors --precision bf16 --force $options \
    > "$out" 2> "$err") || code=$?
  [ $code = 6 ] || fail "exit $code under ulimit -f"
  expect_text '^error\[ER003\]'
  expect_text 'ulimit -f'
  [ "$(cat out.safetensors)" = old ] || fail "the old output changed"
  expect_only big.safetensors out.safetensors
done

#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_big 128
quietly convert big.safetensors -o whole.safetensors --precision bf16 --no-manifest
again=(convert big.safetensors -o out.safetensors --precision bf16 --journal=1M -j 1 --no-manifest)
set -m
# With a journal the work stays, and the message says how to go on.
for signal in INT:130 TERM:143; do
  hold out.safetensors
  kill -${signal%:*} $run
  let_go ${signal#*:}
  expect_text 'again: recast convert big.safetensors'
  [ -e .out.safetensors.journal ] || fail "the journal of a stopped run is gone"
  expect_exit 0 recast "${again[@]}"
  expect_text 'continues an earlier run'
  expect_same whole.safetensors out.safetensors
  rm out.safetensors
done
RECAST_REQUEUE=1 hold out.safetensors
kill -TERM $run
let_go 75
# Two at once: the process ends without a last word, the journal is valid.
rm -f .out.safetensors.*
hold out.safetensors
kill -TERM $run
kill -INT $run
kill -CONT $run
code=147
while [ $code = 147 ]; do
  code=0
  wait $run || code=$?
done
[ $code = 143 ] || [ $code = 130 ] || fail "exit $code after two signals"
expect_exit 0 recast "${again[@]}"
expect_same whole.safetensors out.safetensors
expect_only big.safetensors whole.safetensors out.safetensors

#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_big 128
quietly convert big.safetensors -o whole.safetensors --precision bf16 --no-manifest
hold out.safetensors
kill -KILL $run
wait $run || true
[ -e .out.safetensors.lock ] && [ -e .out.safetensors.journal ] || fail "nothing was left behind"
expect_exit 0 recast convert big.safetensors -o out.safetensors --precision bf16 --no-manifest --restart
expect_text 'removed .*part.*dead run'
expect_same whole.safetensors out.safetensors
expect_only big.safetensors whole.safetensors out.safetensors

#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_big 128
quietly convert big.safetensors -o whole.safetensors --precision bf16 --no-manifest
hold out.safetensors
rm big.safetensors
let_go 0
expect_same whole.safetensors out.safetensors
expect_only whole.safetensors out.safetensors

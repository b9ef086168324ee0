#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o a.gguf --no-manifest
quietly convert a.gguf -o b.gguf --no-manifest
expect_same a.gguf b.gguf
quietly convert "$bard" -o copy/ -t hf --no-manifest --mkdir
expect_same "$bard" copy
write_safetensors a.safetensors 'n I64 2 0100000000000000' 'y F32 7 0000c03f' \
  'x.weight BF16 3x5 803f0040'
quietly convert a.safetensors -o b.safetensors --no-manifest
expect_same a.safetensors b.safetensors

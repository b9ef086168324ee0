#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_safetensors big.safetensors 'w BF16 2x3 803f8b47' 'v BF16 4 803f'  # 1.0, 71168.0
expect_exit 1 recast convert big.safetensors -o out.safetensors --precision fp16
expect_text '\bw\b'
expect_text '71168'
expect_text '--allow-overflow'
expect_only big.safetensors

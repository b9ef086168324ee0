#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_safetensors small.safetensors 'w F32 8x8 0000803f'
cp small.safetensors huge.safetensors
truncate -s 1T huge.safetensors 2> /dev/null || skip "no file of 1 TB here"
expect_exit 4 timeout 5 "$program" convert huge.safetensors -o out.safetensors
expect_text 'huge.safetensors'
expect_exit 1 timeout 5 "$program" validate huge.safetensors
quietly convert "$bard" -o a.gguf --no-manifest
cp a.gguf huge.gguf
truncate -s 1T huge.gguf
expect_exit 0 timeout 10 "$program" convert huge.gguf -o b.gguf --no-manifest
expect_text '^warning\[WF001\]'
expect_only small.safetensors huge.safetensors a.gguf huge.gguf b.gguf

#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o model.gguf
mv model.gguf model.safetensors
expect_exit 0 recast convert model.safetensors -o copy.gguf
expect_text '^warning\[W[A-Z][0-9]{3}\]'
expect_text 'gguf'
expect_same model.safetensors copy.gguf
expect_exit 8 recast convert model.safetensors -o strict.gguf --strict

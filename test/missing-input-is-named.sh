#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 3 recast convert no-such-model -o out.gguf
expect_text '^error\[EI001\]'
expect_text 'no-such-model'
expect_exit 3 recast inspect no-such-model
expect_exit 3 recast validate no-such-model
cp -r "$bard" part && rm part/model-00002-of-00003.safetensors
expect_exit 4 recast convert part -o out.gguf
expect_text 'model-00002-of-00003.safetensors'
expect_only part

#!/bin/bash
# Its config speaks of a model that is elsewhere; without tensors nothing contradicts it.
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o words.gguf --set gguf.vocab_only=true --no-manifest
expect_exit 0 recast validate words.gguf
expect_text '^tensors.*0$'
expect_exit 4 recast convert words.gguf -o back -t hf
expect_text 'no tensor at all'
expect_only words.gguf

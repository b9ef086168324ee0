#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 2 recast konvert "$bard" -o out.gguf
expect_text '^error\[EU003\]'
expect_text '\bconvert\b'
expect_exit 2 recast conv "$bard" -o out.gguf  # no shortened names
expect_exit 2 recast
expect_only

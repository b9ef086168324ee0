#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 2 recast convert "$bard" -o out.gguf --qant q8_0
expect_text '^error\[EU001\]'
expect_text '--quant\b'
expect_exit 2 recast convert "$bard" -o out.gguf --thread 2  # no shortened names
expect_text '--threads'
expect_exit 2 recast convert "$bard" -o out.gguf -Q q8_00
expect_text 'q8_0\b'
expect_exit 2 recast convert "$bard" -o out.gguf -t ggfu
expect_text 'gguf'
expect_only

#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 5 recast convert "$bard" -o out.gguf -Q q4_0  # its recipe needs q6_k for the head
expect_text '--pure'
expect_only
expect_exit 0 recast convert "$bard" -o out.gguf -Q q4_0 --pure --no-manifest
expect_exit 0 recast validate out.gguf
expect_exit 2 recast convert "$bard" -o other.safetensors -Q q4_0
expect_only out.gguf

#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o a.gguf -Q q8_0 --no-manifest
quietly convert "$bard" -o b.gguf -Q q8_0 --no-manifest --memory 64M
RECAST_MEMORY=64M quietly convert "$bard" -o c.gguf -Q q8_0 --no-manifest
expect_same a.gguf b.gguf
expect_same a.gguf c.gguf
expect_exit 2 recast convert "$bard" -o d.gguf --memory lots

#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 7 recast convert "$bard" -o new/deep/out.gguf
expect_text '--mkdir'
expect_only
expect_exit 0 recast convert "$bard" -o new/deep/out.gguf --mkdir
expect_exit 0 recast validate new/deep/out.gguf
rm -r new
head -c 100 /dev/zero > bad.gguf
expect_exit 4 recast convert bad.gguf -o new/deep/out.gguf --mkdir
expect_only bad.gguf

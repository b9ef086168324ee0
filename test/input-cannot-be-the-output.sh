#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o a.gguf --no-manifest
cp a.gguf before
ln a.gguf hard.gguf
for name in a.gguf ./a.gguf hard.gguf; do
  expect_exit 7 recast convert a.gguf -o $name -Q q8_0 --force
  expect_text '^error\[EO'
done
expect_same a.gguf before
expect_only a.gguf before hard.gguf

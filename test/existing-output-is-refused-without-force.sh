#!/bin/bash
. "$(dirname "$0")/lib.sh"
echo precious > out.gguf
mkdir folder && echo precious > folder/config.json
expect_exit 7 recast convert "$bard" -o out.gguf
expect_text '^error\[EO'
expect_text '--force'
expect_exit 7 recast convert "$bard" -o folder -t hf
[ "$(cat out.gguf folder/config.json)" = "precious
precious" ] || fail "the earlier output changed"
expect_only out.gguf folder

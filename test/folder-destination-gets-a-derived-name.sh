#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir dest
cp -r "$bard" Bard-4.2M-v1.0
expect_exit 0 recast convert Bard-4.2M-v1.0 -o dest/ -t gguf:q8_0 --no-manifest
path=$(cat "$out")
[ -f "$path" ] || fail "the printed path '$path' is no file"
[[ $path == dest/*-Q8_0.gguf ]] || fail "name $path"
expect_exit 7 recast convert Bard-4.2M-v1.0 -o dest/ -t gguf:q8_0
[ "$(ls dest | wc -l)" = 1 ] || fail "more than one file"
expect_exit 2 recast convert Bard-4.2M-v1.0 -o name-without-extension
expect_text '^error\[EU007\]'

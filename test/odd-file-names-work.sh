#!/bin/bash
. "$(dirname "$0")/lib.sh"
long=$(printf 'n%.0s' {1..250})
for name in 'with blank' $'new\nline' 'ümläut-模型' '-dash' "quote'\"" "$long"; do
  cp -r "$bard" "./$name"
  expect_exit 0 recast convert -o "./$name.gguf" --no-manifest -- "./$name"
  recast validate -q "./$name.gguf" > /dev/null || fail "validate $name"
  rm -r "./$name" "./$name.gguf"
done
cp -r "$bard" -- -leading
expect_exit 0 recast convert --no-manifest -o out.gguf -- -leading
expect_only out.gguf -leading

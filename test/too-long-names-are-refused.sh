#!/bin/bash
. "$(dirname "$0")/lib.sh"
long=$(printf 'n%.0s' {1..300})
deep=$(printf 'folder/%.0s' {1..700})
for name in "$long.gguf" "$deep/a.gguf" "$long/a.gguf"; do
  expect_exit 7 recast convert "$bard" -o "$name"
  expect_text '^error\[EO008\]'
  expect_text '255|4095'
done
expect_exit 3 recast convert "$long" -o a.gguf
ln -s loop loop
expect_exit 3 recast convert loop -o a.gguf
expect_text 'ELOOP'
ln -s "$bard" link0
for i in {1..41}; do ln -s link$((i - 1)) link$i; done
expect_exit 3 recast convert link41 -o a.gguf
expect_text 'ELOOP'
[ ! -e a.gguf ] || fail "an output from nothing"

#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o whole.gguf --no-manifest
size=$(stat -c %s whole.gguf)
for keep in 3 23 1000 $((size / 2)) $((size - 1)); do
  head -c "$keep" whole.gguf > cut.gguf
  expect_exit 4 recast convert cut.gguf -o out.gguf -Q q8_0
  expect_text '^error\[E[A-Z][0-9]{3}\]'
  expect_text 'cut.gguf'
  expect_exit 1 recast validate cut.gguf
done
expect_text '\.weight'  # the last cut is inside a tensor: it is named
expect_only cut.gguf whole.gguf

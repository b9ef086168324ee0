#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 0 recast convert "$bard" -o a.gguf -q
[ "$(cat "$out")" = a.gguf ] || fail "stdout: $(cat "$out")"
[ ! -s "$err" ] || fail "stderr: $(cat "$err")"
expect_exit 0 recast convert "$bard" -o b.gguf
[ "$(cat "$out")" = b.gguf ] || fail "the result line is not the path"
[ -s "$err" ] || fail "nothing for people on stderr"
expect_exit 7 recast convert "$bard" -o a.gguf -q
expect_text '^error'
head -c 100000 a.gguf > cut.gguf
expect_exit 1 recast validate cut.gguf -q
[ "$(cat "$out")" = invalid ] || fail "stdout: $(cat "$out")"
expect_text '^error\[EI' "$err"

#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 0 recast convert "$bard" -o a.gguf -qq
[ ! -s "$out" ] && [ ! -s "$err" ] || fail "printed: $(cat "$out" "$err")"
expect_exit 7 recast convert "$bard" -o a.gguf -qq
expect_text '^error\[EO' "$err"

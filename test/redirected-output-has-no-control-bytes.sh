#!/bin/bash
. "$(dirname "$0")/lib.sh"
clean() { ! grep -qP '[\r\x1b\x07]' "$out" "$err" || fail "control bytes from $*"; }
quietly convert "$bard" -o a.gguf
head -c 999 a.gguf > cut.gguf
for command in "convert $bard -o b.gguf -Q q8_0" "convert $bard -o b.gguf" \
  "convert cut.gguf -o c.gguf" "inspect a.gguf --tensors" "validate a.gguf" "list types" \
  "doctor" "convert --help" "explain EU001"; do
  # shellcheck disable=SC2086
  recast $command > "$out" 2> "$err" || true
  [ -s "$out" ] || [ -s "$err" ] || fail "no output of $command"
  clean "$command"
done
expect_exit 0 recast validate a.gguf --color always  # the check above can fail
grep -qP '\x1b' "$out" || fail "--color always does nothing"

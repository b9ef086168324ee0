#!/bin/bash
. "$(dirname "$0")/lib.sh"
planned() { recast convert "$bard" -n --json "$@" 2> "$err" | jq '[.outputs[].bytes] | add'; }
before=$(cd "$bard" && find . -type f -printf '%p %s %T@\n' | sort)
for options in "-o q.gguf -Q q8_0" "-o f.gguf" "-o h.safetensors -t safetensors"; do
  # shellcheck disable=SC2086
  set -- $options
  size=$(planned "$@")
  expect_only  # nothing was written
  quietly convert "$bard" --no-manifest "$@"
  [ "$(stat -c %s "$2")" = "$size" ] || fail "$2 was planned with $size bytes"
  rm "$2"
done
[ "$(cd "$bard" && find . -type f -printf '%p %s %T@\n' | sort)" = "$before" ] ||
  fail "the input was touched"
expect_exit 0 recast convert "$bard" -n -o q.gguf -Q q8_0
expect_text 'q\.gguf'
expect_exit 4 recast convert "$scratch/log" -n -o q.gguf
expect_only

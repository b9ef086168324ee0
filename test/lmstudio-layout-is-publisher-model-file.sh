#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 2 recast convert "$bard" -o models --layout lmstudio
expect_text 'general.organization=NAME'
expect_only
expect_exit 0 recast convert "$bard" -o models --layout lmstudio -Q q8_0 \
  --metadata 'general.organization=../Some One'
file=models/Some-One/Bard-4.2M/Bard-4.2M-Q8_0.gguf
[ "$(cat "$out")" = "$file" ] || fail "another place: $(cat "$out")"
expect_exit 0 recast validate "$file" --checksum
# Beside what is there.
expect_exit 0 recast convert "$bard" -o models --layout lmstudio --precision f16 \
  --metadata 'general.organization=../Some One'
[ "$(ls models/Some-One/Bard-4.2M/*.gguf | wc -l)" = 2 ] || fail "not side by side"
expect_exit 7 recast convert "$bard" -o models --layout lmstudio -Q q8_0 \
  --metadata 'general.organization=../Some One'
expect_exit 7 recast convert "$bard" -o no/such --layout lmstudio --metadata general.author=A
expect_exit 2 recast convert "$bard" -o models -t hf --layout lmstudio --metadata general.author=A
expect_text EU041
expect_only models

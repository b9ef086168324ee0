#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o plain.gguf -Q q8_0 --no-manifest
recast inspect plain.gguf --json > plain.json
mkdir "$scratch/locales"
for locale in tr_TR de_DE; do
  localedef -i $locale -f UTF-8 "$scratch/locales/$locale.UTF-8" 2> "$err" ||
    skip "no locale sources: $(head -1 "$err")"
  export LOCPATH=$scratch/locales LC_ALL=$locale.UTF-8
  [ "$(locale decimal_point)" = , ] || fail "locale $locale is not in force"
  quietly convert "$bard" -o $locale.gguf -Q Q8_0 -t GGUF --no-manifest
  expect_same plain.gguf $locale.gguf
  cp $locale.gguf plain.gguf
  recast inspect plain.gguf --json | diff plain.json - || fail "inspect under $locale"
done

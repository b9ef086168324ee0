#!/bin/bash
. "$(dirname "$0")/lib.sh"
recast list errors --json | jq -r '.[].code' > codes
[ "$(wc -l < codes)" -ge 20 ] || fail "few codes"
table=$test_dir/../src/base/error_codes.def
sed -n 's/^RECAST_CODE([a-z0-9_]*, "\([A-Z]*[0-9]*\)".*/\1/p' "$table" > source
diff <(sort codes) <(sort source) || fail "the list differs from the source"
[ -z "$(sort codes | uniq -d)" ] || fail "a code is given twice"
while read -r code; do
  expect_exit 0 recast explain "$code"
  expect_text "$code"
done < codes
expect_exit 2 recast explain EU999

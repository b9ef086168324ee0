#!/bin/bash
. "$(dirname "$0")/lib.sh"
# A name that would leave its element, its attribute, its JSON or its terminal.
name=$'x"\'></title></script><script/src=evil>alert(1)</script>\xe2\x80\xa8&amp;'
write_safetensors a.safetensors "$name F32 4 0000803f" 'blk.0.<b>.weight F32 4 0000803f'
write_safetensors b.safetensors "$name F32 4 00000040" 'blk.0.<b>.weight F32 4 0000003f'
for file in r.html r.json r.txt; do
  expect_exit 0 recast inspect --errors a.safetensors b.safetensors --report $file
done
python3 "$test_dir/html_page.py" r.html
expect_text '&lt;script/src=evil&gt;alert' r.html
! grep -q '<script/src' r.html || fail "a script of the file's"
! grep -qP '\xe2\x80\xa8' <(sed -n '/id="data"/p' r.html) || fail "a line separator in the data"
jq -e --arg n "$name" '.tensors | any(.name == $n and .relative_rmse == 1)' r.json > /dev/null || fail "the name"
expect_exit 0 recast report r.json -o page.html
python3 "$test_dir/html_page.py" page.html

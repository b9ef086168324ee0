#!/bin/bash
. "$(dirname "$0")/lib.sh"
for type in q8_0 q4_k_m; do
  quietly convert "$bard" -o $type.gguf -Q $type --report $type.json --verify tensors
done
quietly convert "$bard" -o text.gguf -Q q8_0 --report r.txt
quietly convert "$bard" -o page.gguf -Q q8_0 --report r.html
quietly inspect --errors "$bard" q8_0.gguf --report e.html
quietly inspect --errors "$bard" q8_0.gguf --report e.json
quietly report q8_0.json q4_k_m.json e.json -o all.html
python3 "$test_dir/html_page.py" r.html e.html all.html
for kind in report:q8_0 report:q4_k_m errors:e; do
  python3 "$test_dir/json_schema.py" "${kind%:*}.json" < "${kind#*:}.json" || fail "$kind"
done
grep -q '<circle' all.html || fail "no chart of size against error"
expect_text 'recast convert .* -Q q4_k_m' all.html
expect_text '^attn_q.[ .:+#-]{4}$' r.txt
expect_text '^ratio.tensors 53\.. % of f16' r.txt
expect_text '^packing.balanced: .*Q8_0' r.txt
# The ratio is that of the sizes, the error that of the comparison.
bytes=$(stat -c %s q8_0.gguf)
jq -e --argjson n "$bytes" '.sizes.file_bytes == $n and .sizes.f32_bytes == 2 * .sizes.f16_bytes' \
  q8_0.json > /dev/null || fail "sizes"
diff <(jq -r '.verification.errors[] | select(.sampled | not) | "\(.name) \(.relative_rmse * 1e9 | round)"' q8_0.json | sort) \
  <(jq -r '.tensors[] | "\(.name) \(.relative_rmse * 1e9 | round)"' e.json | sort) || fail "errors"
jq -e --argjson of "$(jq .verification.relative_rmse q8_0.json)" \
  '(.total.relative_rmse - $of | fabs) < 1e-12' e.json > /dev/null || fail "total error"
[ "$(jq '[.tensor_types[] | select(.xxh3 | test("^[0-9a-f]{32}$"))] | length' q8_0.json)" = \
  "$(jq .tensors.total q8_0.json)" ] || fail "types per tensor"
jq -e '.optimization.passes == []' <(recast convert "$bard" -o plain.gguf --json -q) > /dev/null || fail "passes"
# An earlier page is replaced, another file is not.
quietly report e.json -o all.html
echo '<!DOCTYPE html><p>mine' > mine.html
expect_exit 7 recast report e.json -o mine.html
expect_exit 7 recast report e.json -o e.json
expect_text '^error\[EO00'
expect_exit 0 recast report e.json -o mine.html --force
recast report e.json > stdout.html
expect_same stdout.html mine.html

#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o f32.gguf --precision f32
quietly convert "$bard" -o q8.gguf -Q q8_0
expect_exit 0 recast inspect --errors "$bard" f32.gguf --json
jq -e '.total.relative_rmse == 0 and .total.max_abs_error == 0 and .total.cosine == 1
       and (.tensors | length) == .total.tensors and .paired_by == "role"' "$out" > /dev/null || fail "f32 has errors"
expect_exit 0 recast inspect --errors "$bard" q8.gguf --json
cp "$out" found.json
python3 "$test_dir/tensor_errors.py" "$bard" q8.gguf > wanted
[ "$(wc -l < wanted)" -ge 5 ] || fail "few tensors"
while read -r name value; do
  jq -e --arg n "$name" --argjson v "$value" '.tensors[] | select(.name == $n) | .relative_rmse |
    (. - $v | fabs) <= 1e-12 * (1 + $v)' found.json > one || fail "$name: $value"
  [ "$(cat one)" = true ] || fail "$name: $value"
done < wanted
# Any number of threads, either direction of names.
for threads in 1 2 5; do
  recast inspect --errors "$bard" q8.gguf --json -j $threads > "again$threads.json"
  diff <(jq 'del(.command)' again$threads.json) <(jq 'del(.command)' found.json) || fail "-j $threads"
done
# Of one convention, and against a mixture: the larger error is that of fewer bits.
quietly convert "$bard" -o q4.gguf -Q q4_k_m
expect_exit 0 recast inspect --errors f32.gguf q4.gguf --json
few=$(jq .total.relative_rmse "$out")
jq -e --argjson few "$few" '.total.relative_rmse < $few / 5' found.json > /dev/null || fail "no order"

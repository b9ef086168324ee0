#!/bin/bash
. "$(dirname "$0")/lib.sh"
tensor=blk.1.attn_q.weight
quietly convert "$bard" -o m.gguf -Q f32 --no-manifest
python3 "$test_dir/write_imatrix.py" ramp.dat m.gguf
error() { python3 "$test_dir/block_error.py" m.gguf "$1" $tensor ${2:-}; }
# falls A B [strictly]: A is not below B
falls() { awk -v a="$1" -v b="$2" -v s="${3:-}" 'BEGIN { exit !(s == "" ? a >= b : a > b) }'; }

for type in q4_0 q8_0 q4_k q6_k; do
  for level in fast balanced aggressive; do
    quietly convert m.gguf -o $level.gguf -Q $type --pure --optimization $level --no-manifest --force
    expect_exit 0 recast validate $level.gguf
  done
  falls "$(error fast.gguf)" "$(error balanced.gguf)" || fail "$type: fast is better than balanced"
  falls "$(error balanced.gguf)" "$(error aggressive.gguf)" strictly ||
    fail "$type: aggressive is no better than balanced"
done
# With importance the error of the columns that count falls
for type in q4_0 q4_k; do
  for level in fast balanced aggressive; do
    quietly convert m.gguf -o $level.gguf -Q $type --pure --optimization $level --no-manifest \
      --force --imatrix ramp.dat
  done
  falls "$(error fast.gguf ramp)" "$(error balanced.gguf ramp)" strictly ||
    fail "$type: fast is no worse under importance"
  falls "$(error balanced.gguf ramp)" "$(error aggressive.gguf ramp)" strictly ||
    fail "$type: aggressive is no better under importance"
done
# Any thread count: the same bytes
quietly convert m.gguf -o one.gguf -Q q4_k --pure --optimization aggressive --no-manifest \
  --imatrix ramp.dat -j 1
expect_same one.gguf aggressive.gguf

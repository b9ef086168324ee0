#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o plain.gguf -Q q4_0 --no-manifest
expect_exit 0 recast convert "$bard" -o two.gguf -Q q4_0 --no-manifest \
  --tensor-type 'blk\.(0|1)\.ffn_down=q8_0'
python3 "$test_dir/gguf_data.py" plain.gguf two.gguf > differ && fail "nothing changed"
[ "$(wc -l < differ)" = 2 ] || fail "not two tensors: $(cat differ)"
expect_text 'blk.0.ffn_down' differ
expect_text 'blk.1.ffn_down' differ
# The first match counts; a file holds one a line
printf '# types\n\nffn_down=q5_0\r\nffn_.*=q5_1\n' > types
expect_exit 0 recast convert "$bard" -o file.gguf -Q q4_0 --no-manifest --tensor-type @types
expect_exit 0 recast inspect file.gguf --tensors
expect_text 'blk.0.ffn_down.weight[[:space:]]+Q5_0'
expect_text 'blk.0.ffn_up.weight[[:space:]]+Q5_1'
expect_exit 2 recast convert "$bard" -o out.gguf -Q q4_0 --tensor-type 'no_such=q8_0'
expect_text 'EU012'
for bad in 'ffn_down' '=q8_0' 'ffn_down=' 'ffn_down=q9_9' '(=q8_0' 'ffn_down=i32'; do
  expect_exit 2 recast convert "$bard" -o out.gguf -Q q4_0 --tensor-type "$bad"
done
echo 'ffn_down q8_0' > bad
expect_exit 2 recast convert "$bard" -o out.gguf -Q q4_0 --tensor-type @bad
expect_text 'line 1'
[ ! -e out.gguf ] || fail "a refused conversion left a file"
# Rows that no block fits: a smaller block, and a warning
expect_exit 0 recast convert "$bard" -o f16.gguf -Q f16 --no-manifest --tensor-type ffn_down=q8_0
expect_text 'no effect'

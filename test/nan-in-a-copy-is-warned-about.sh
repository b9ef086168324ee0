#!/bin/bash
# Values that are only copied are looked at, too; the warning names the tensor of the source.
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model
python3 "$test_dir/poke_tensor.py" model model.norm.weight 14 c07f  # a NaN
named='tensor "model.norm.weight"'
expect_exit 0 recast convert model -o copy/ -t hf --no-manifest
expect_text '1 NaN, 0 infinite' && expect_text "$named"
for file in "$bard"/*; do [ -e "copy/${file##*/}" ] || fail "no ${file##*/} in the copy"; done
expect_same model copy
expect_exit 0 recast convert model -o model.gguf --no-manifest
expect_text "$named"
expect_exit 0 recast convert model.gguf -o back -t hf --no-manifest
expect_text '1 NaN, 0 infinite' && expect_text 'tensor "output_norm.weight"'

#!/bin/bash
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model
python3 "$test_dir/poke_tensor.py" model model.layers.1.mlp.up_proj.weight 1000 c07f  # a NaN
expect_exit 0 recast convert model -o kept.gguf --no-manifest
expect_text '^warning\[W'
expect_text 'NaN'
expect_exit 4 recast convert model -o out.gguf -Q q8_0
expect_text 'ffn_up|up_proj'
expect_only model kept.gguf

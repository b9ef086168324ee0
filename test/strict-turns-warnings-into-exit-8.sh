#!/bin/bash
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model
expect_exit 0 recast convert model -o clean.gguf --strict --no-manifest
python3 "$test_dir/poke_tensor.py" model model.layers.1.mlp.up_proj.weight 1000 c07f  # a NaN
expect_exit 8 recast convert model -o out.gguf --strict --no-manifest
expect_text '^warning\[W'
expect_only model clean.gguf out.gguf

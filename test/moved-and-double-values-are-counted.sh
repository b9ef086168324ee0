#!/bin/bash
. "$(dirname "$0")/lib.sh"
# A NaN is told wherever the tensor goes on its way: rows of q_proj are permuted for GGUF.
cp -r "$bard" model
python3 "$test_dir/poke_tensor.py" model model.layers.0.self_attn.q_proj.weight 10 c07f
expect_exit 0 recast convert model -o a.gguf --no-manifest
expect_text '^warning\[WC001\]'
expect_text 'q_proj'
expect_exit 0 recast convert a.gguf -o back -t hf --no-manifest
expect_text '^warning\[WC001\]'
# 1e300 is finite and has no f32; 1e-20 has no f16 but zero.
write_safetensors wide.safetensors 'w F64 4x4 9c7500883ce4377e'
expect_exit 1 recast convert wide.safetensors -o b.safetensors --precision f32 --no-manifest
expect_text '^error\[EQ001\]'
expect_exit 0 recast convert wide.safetensors -o b.safetensors --precision f32 --allow-overflow clamp --no-manifest
expect_text '^warning\[WC002\]'
write_safetensors small.safetensors 'w F32 4x4 08e53c1e'
expect_exit 0 recast convert small.safetensors -o c.safetensors --precision f16 --no-manifest
expect_text '^warning\[WC003\]'

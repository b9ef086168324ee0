#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_safetensors w.safetensors 'w F32 2x3 0000803f'
python3 "$test_dir/write_torch.py" run.ckpt --trainer w.safetensors
names() { recast inspect "$1" --tensors --json | jq -cr '[.tensors[].name] | sort | join(" ")'; }
expect_exit 0 recast convert run.ckpt -o kept.safetensors --no-manifest --keep-optimizer
[ "$(names kept.safetensors)" = "optimizer.state.exp_avg w" ] || fail "$(names kept.safetensors)"
# Their type is their own: --precision speaks of the model.
expect_exit 0 recast convert kept.safetensors -o half.safetensors --no-manifest --precision f16 \
  --keep-optimizer
[ "$(recast inspect half.safetensors --tensors --json |
  jq -cr '[.tensors[] | .type] | sort | join(" ")')" = "F16 F32" ] || fail "other types"
expect_exit 0 recast convert kept.safetensors -o model.safetensors --no-manifest --precision f16
expect_text 'keep-optimizer'
[ "$(names model.safetensors)" = w ] || fail "$(names model.safetensors)"
expect_exit 2 recast convert kept.safetensors -o m.gguf --no-manifest --keep-optimizer
expect_exit 0 recast convert w.safetensors -o none.safetensors --no-manifest --keep-optimizer \
  --precision f16
expect_text 'no effect'

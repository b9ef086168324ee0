#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_safetensors w.safetensors 'w F32 2x3 0000803f'
python3 "$test_dir/write_torch.py" run.ckpt --trainer w.safetensors
expect_exit 0 recast convert run.ckpt -o out.safetensors --no-manifest
expect_text 'argparse.Namespace'
expect_text 'optimizer'
recast inspect out.safetensors --json > facts
[ "$(jq -r '.metadata["src.pytorch.epoch"]' facts)" = 3 ] || fail "the epoch is lost"
[ "$(jq -r '.metadata["src.pytorch.lr"]' facts)" = 0.001 ] || fail "the learning rate is lost"
[ "$(recast inspect out.safetensors --tensors --json | jq -r '.tensors[].name')" = w ] ||
  fail "other tensors than the weights"
expect_exit 8 recast convert run.ckpt -o strict.safetensors --no-manifest --strict

#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_safetensors w.safetensors 'w F32 2x3 0000803f'
python3 "$test_dir/write_torch.py" own.pt --object mylib.MyLayer w.safetensors
expect_exit 4 recast convert own.pt -o out.safetensors
expect_text 'mylib.MyLayer'
expect_text 'allow-unsafe-pickle'
expect_only own.pt w.safetensors
expect_exit 0 recast convert own.pt -o out.safetensors --no-manifest --allow-unsafe-pickle
expect_text 'mylib.MyLayer' "$err"
cmp <(tail -c 24 out.safetensors) <(tail -c 24 w.safetensors) || fail "other bytes"
# What runs code is refused whatever is allowed.
python3 "$test_dir/write_torch.py" evil.pt --object os.system w.safetensors
expect_exit 4 recast convert evil.pt -o evil.safetensors --allow-unsafe-pickle
expect_text 'os.system'
# No files of PyTorch are written.
expect_exit 5 recast convert w.safetensors -t pytorch

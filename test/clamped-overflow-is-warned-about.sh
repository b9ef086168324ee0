#!/bin/bash
. "$(dirname "$0")/lib.sh"
data() { tail -c 20 "$1" | od -An -v -tx1 | tr -d ' \n'; }
write_safetensors big.safetensors 'w BF16 2x3 803f8b47' 'v BF16 4 803f'  # 1.0, 71168.0
half() { expect_exit 0 recast convert big.safetensors --precision fp16 --no-manifest "$@"; }
half -o clamped.safetensors --allow-overflow=clamp
expect_text '^warning\[W'
expect_text '71168|65504'
[[ $(data clamped.safetensors) == *003cff7b003cff7b003cff7b* ]] || fail "not clamped to 65504"
half -o infinite.safetensors --allow-overflow=inf
expect_text '^warning\[W'
[[ $(data infinite.safetensors) == *003c007c003c007c003c007c* ]] || fail "not infinite"

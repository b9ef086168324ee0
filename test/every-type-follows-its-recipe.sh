#!/bin/bash
. "$(dirname "$0")/lib.sh"
# TYPE of each tensor: the mixture of a well-known type, and one type under --pure
types() { recast inspect "$1" --tensors --json | jq -r '.tensors[] | "\(.name) \(.type)"'; }
expect_exit 0 recast convert "$bard" -o mixed.gguf -Q q4_k_m --no-manifest
types mixed.gguf > mixed
expect_text '^output.weight Q6_K$' mixed
expect_text '^token_embd.weight Q4_K$' mixed
expect_text '^blk.0.ffn_down.weight Q4_K$' mixed
expect_text '^blk.3.ffn_down.weight Q6_K$' mixed
expect_exit 0 recast convert "$bard" -o pure.gguf -Q q4_k_m --pure --no-manifest
types pure.gguf > pure
[ "$(grep -c 'Q4_K$' pure)" = 30 ] || fail "not one type under --pure"

python3 "$test_dir/write_imatrix.py" ones.dat mixed.gguf
expect_exit 0 recast convert "$bard" -o m.gguf -Q f16 --no-manifest
recast convert "$bard" -o x.gguf -Q no_such 2> names || true
for type in $(sed -n 's/.*expected *one of \(.*\), found.*/\1/p' names); do
  expect_exit 0 recast convert m.gguf -o "$type.gguf" -Q "$type" --imatrix ones.dat --no-manifest
  expect_exit 0 recast validate "$type.gguf"
done
[ -e iq1_s.gguf ] && [ -e nvfp4.gguf ] || fail "few types were tried"
expect_exit 2 recast convert "$bard" -o other.safetensors -Q q4_0

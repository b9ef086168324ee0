#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o m.gguf -Q f16 --no-manifest
expect_exit 0 recast convert m.gguf -o want.gguf -t gguf -Q q4_k_m --no-manifest --no-provenance
expect_exit 0 recast quantize m.gguf have.gguf Q4_K_M --no-manifest --no-provenance
expect_same want.gguf have.gguf
expect_exit 0 recast quantize m.gguf two.gguf q4-k 2 --no-manifest --no-provenance
expect_same want.gguf two.gguf
expect_exit 0 recast quantize m.gguf q5_k_m --no-manifest  # prints the name that it derives
[ -e "$(cat "$out")" ] || fail "no file of the printed name"
expect_text 'Q5_K_M.gguf$' "$out"
expect_exit 0 recast quantize --leave-output-tensor --token-embedding-type q8_0 m.gguf l.gguf q4_0 \
  --no-manifest
expect_exit 0 recast inspect l.gguf --tensors
expect_text 'output.weight[[:space:]]+F16'
expect_text 'token_embd.weight[[:space:]]+Q8_0'
expect_exit 2 recast quantize m.gguf out.gguf no_such_type
expect_exit 2 recast quantize m.gguf out.gguf q4_0 -Q q8_0
expect_exit 2 recast quantize m.gguf
expect_exit 2 recast quantize have.gguf out.gguf q4_0  # packed already
expect_text 'allow-requantize'
expect_exit 0 recast quantize have.gguf out.gguf q4_0 --allow-requantize --no-manifest

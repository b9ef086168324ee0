#!/bin/bash
. "$(dirname "$0")/lib.sh"
# Blobs have their final names only in the end: a run that goes on finds what it left.
rows=()
for i in {1..32}; do rows+=("t$i F32 1024x1024 0000803f00000040"); done
write_safetensors big.safetensors "${rows[@]}"
with=(-t safetensors --layout oci --precision bf16 --no-manifest)
quietly convert big.safetensors -o whole "${with[@]}"
"$program" convert big.safetensors -o out "${with[@]}" --journal=1M -j 1 > /dev/null 2>&1 &
records() { cat .out.journal 2> /dev/null | wc -l; }
while [ -n "$(jobs -rp)" ] && [ "$(records)" -lt 4 ]; do :; done
kill -9 $! 2> /dev/null || true
wait $! 2> /dev/null || true
[ -e .out.journal ] || [ -e out ] || fail "the run left neither a journal nor its end"
[ -e out ] || expect_exit 0 recast convert big.safetensors -o out "${with[@]}" --journal=1M --resume
expect_same whole out
expect_only big.safetensors out whole

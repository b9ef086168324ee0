#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_big 128
quietly convert big.safetensors -o whole.safetensors --precision bf16 --no-manifest
die() {  # leaves the journal and the part file of a dead run
  rm -f out.safetensors
  hold out.safetensors
  kill -KILL $run
  wait $run || true
}
again=(convert big.safetensors -o out.safetensors --precision bf16 --journal=1M -j 1 --no-manifest)

die  # a torn last line is dropped
printf '9 {"record":"do' >> .out.safetensors.journal
expect_exit 0 recast "${again[@]}"
expect_text 'continues an earlier run'
expect_same whole.safetensors out.safetensors

die  # a wrong byte before the last record is not
printf X | dd of=.out.safetensors.journal bs=1 seek=40 conv=notrunc status=none
expect_exit 4 recast "${again[@]}"
expect_text 'journal'
expect_text '--restart'
expect_exit 0 recast "${again[@]}" --restart
expect_same whole.safetensors out.safetensors

die  # a done step that is damaged is found by its hash and made again
printf XXXX | dd of="$(ls -d .out.safetensors.part-*)" bs=1 seek=8192 conv=notrunc status=none
expect_exit 0 recast "${again[@]}"
expect_text '^warning\[WC007\]'
expect_same whole.safetensors out.safetensors

die  # other options, or another input: the journal is named and kept
expect_exit 7 recast "${again[@]}" --tensor-sums
expect_text 'out.safetensors.journal'
touch big.safetensors
expect_exit 7 recast "${again[@]}"
expect_text 'out.safetensors.journal'
expect_exit 0 recast "${again[@]}" --restart
expect_only big.safetensors whole.safetensors out.safetensors

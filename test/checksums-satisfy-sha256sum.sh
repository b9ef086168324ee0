#!/bin/bash
. "$(dirname "$0")/lib.sh"
expect_exit 0 recast convert "$bard" -o a.gguf --checksum
[ "$(cat "$out")" = a.gguf ] || fail "other outputs than the file: $(cat "$out")"
sha256sum -c --quiet a.gguf.sha256 || fail "the sums beside the file"
expect_exit 0 recast validate a.gguf --checksum
printf '\377' | dd of=a.gguf bs=1 seek=3000000 conv=notrunc status=none
expect_exit 1 recast validate a.gguf --checksum
expect_text 'blk\.[0-9]'
expect_exit 0 recast convert "$bard" -o folder -t hf --precision f16 --checksum
(cd folder && sha256sum -c --quiet SHA256SUMS) || fail "the sums inside the folder"

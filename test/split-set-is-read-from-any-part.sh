#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o one.gguf --no-manifest
quietly convert "$bard" -o set.gguf --split-max-size 3M --no-manifest
ls set-0*-of-0*.gguf > "$scratch/parts" || fail "no split set"
parts=$(wc -l < "$scratch/parts")
[ "$parts" -ge 3 ] || fail "$parts parts"
tensors() {
  recast inspect "$1" --tensors --json 2> "$err" | jq '[.tensors[] | [.name, .type, .shape]] | sort'
}
for part in $(cat "$scratch/parts"); do
  [ "$(tensors "$part")" = "$(tensors one.gguf)" ] || fail "$part does not stand for the set"
  quietly convert "$part" -o "q-$part" -Q q8_0 --no-manifest
done
quietly convert one.gguf -o q.gguf -Q q8_0 --no-manifest
python3 "$test_dir/gguf_data.py" q.gguf q-set-*.gguf
second=$(sed -n 2p "$scratch/parts")
mv "$second" hidden
expect_exit 4 recast convert "$(sed -n 1p "$scratch/parts")" -o again.gguf
expect_text "$second"

#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir bare
cp "$bard"/{config.json,tokenizer*} bare/
noise() { quietly convert bare -o "$1" --no-manifest --fake-weight --fake-weight-mode random "${@:2}"; }
for to in gguf gguf:q8_0 hf; do
  noise one -t $to --seed 1 -j 1
  noise two -t $to --seed 1 -j 2 --memory 1MB
  expect_same one two
  noise other -t $to --seed 2
  ! diff -rq one other > "$out" || fail "two seeds, one noise"
  rm -r one two other
done
noise m.gguf -Q f32 --verify tensors
recast inspect m.gguf --stats --json > stats.json
jq -e '[.tensors[].stats | .nan == 0 and .infinite == 0 and .deviation > 0] | all' stats.json > "$out" ||
  fail "a tensor without noise"
jq -e '[.tensors[] | select(.name | test("norm")).stats.mean | . > 0.9 and . < 1.1] | all' stats.json \
  > "$out" || fail "norms are not near 1"

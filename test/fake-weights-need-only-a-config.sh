#!/bin/bash
. "$(dirname "$0")/lib.sh"
# The real folder without its weights; what stands in their place is no model and may not be opened.
mkdir bare alone
cp "$bard"/*.json "$bard"/*.model bare/
rm bare/*index*
cp bare/config.json alone/
echo "not weights" > bare/model.safetensors
# names, types and shapes, by name
table() { recast inspect "$1" --tensors --json | jq -c '.tensors | map([.name, .type, .shape]) | sort'; }
for to in gguf gguf:q8_0 gguf:f16 hf safetensors; do
  file=${to/:/-}
  [ $to = safetensors ] && file=weights.safetensors
  quietly convert "$bard" -o "real-$file" -t "$to" --no-manifest
  quietly convert bare -o "$file" -t "$to" --no-manifest --fake-weight
  [ "$(table "$file")" = "$(table "real-$file")" ] || fail "$to: other tensors than the real one"
  recast inspect "$file" --stats --json > stats.json
  jq -e '.fake_weights and ([.tensors[].stats | .min == 0 and .max == 0] | all)' stats.json > "$out" ||
    fail "$to: a value is not 0"
  jq -e '.metadata["recast.fake_weights"]' stats.json > "$out"
  expect_exit 0 recast inspect "$file"
  expect_text '^fake'
  expect_exit 0 recast validate "$file"
done
[ "$(jq -r .fake_weights <(recast inspect real-gguf --json))" = false ] || fail "the real one is fake"
# The config itself as the source; without a tokenizer there is none in the output.
quietly convert bare/config.json -o same.gguf --no-manifest --fake-weight
quietly convert bare -o plain.gguf --no-manifest --fake-weight
expect_same same.gguf plain.gguf
quietly convert alone -o alone.gguf --no-manifest --fake-weight
if command -v strace > "$out"; then
  # the leak check of an instrumented build does not run under strace
  ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=open,openat,openat2 -o trace \
    "$program" convert bare -o traced.gguf --fake-weight > "$out" 2> "$err"
  if grep -q 'model\.safetensors' trace; then fail "a weight file was opened"; fi
fi
# A fake stays one.
quietly convert gguf -o back -t hf --no-manifest
expect_exit 0 recast inspect back
expect_text '^fake'
# Other sources have no config to make them from.
expect_exit 5 recast convert real-gguf -o x.gguf --fake-weight
expect_text 'ES009'
expect_exit 0 recast convert "$bard" -o x.gguf --no-manifest --seed 3 --fake-weight-mode random
expect_text 'WC006'

#!/bin/bash
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model
options=(-Q q8_0 --no-manifest --metadata general.author=Ada --metadata general.license=mit)
quietly convert model -o direct.gguf "${options[@]}"
quietly convert model -o planned.gguf "${options[@]}" --plan plan.json
expect_only model direct.gguf plan.json
jq -e . plan.json > /dev/null || fail "the plan is no JSON"
expect_exit 0 recast convert --apply plan.json
expect_same direct.gguf planned.gguf
recast inspect planned.gguf > keys
expect_text 'author.*Ada' keys && expect_text 'license.*mit' keys
rm keys
rm planned.gguf
# An edited table, or a file that is no plan
jq '.steps[0].bytes += 1' plan.json > edited.json
expect_exit 7 recast convert --apply edited.json
expect_text 'EO050'
for text in '[]' '{}' '{"options": {}}'; do
  echo "$text" > edited.json
  expect_exit 4 recast convert --apply edited.json
  expect_text 'EI014'
done
rm edited.json
printf '\1' | dd of=model/model-00001-of-00003.safetensors bs=1 seek=100000 conv=notrunc status=none
expect_exit 7 recast convert --apply plan.json
expect_only model direct.gguf plan.json

#!/bin/bash
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model
quietly convert model -o direct.gguf -Q q8_0 --no-manifest
quietly convert model -o planned.gguf -Q q8_0 --no-manifest --plan plan.json
expect_only model direct.gguf plan.json
jq -e . plan.json > /dev/null || fail "the plan is no JSON"
expect_exit 0 recast convert --apply plan.json
expect_same direct.gguf planned.gguf
rm planned.gguf
printf '\1' | dd of=model/model-00001-of-00003.safetensors bs=1 seek=100000 conv=notrunc status=none
expect_exit 7 recast convert --apply plan.json
expect_only model direct.gguf plan.json

#!/bin/bash
# Anybody can write src.hf.* keys into a GGUF: they add to a config, and change no model.
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o plain.gguf --no-manifest
quietly convert plain.gguf -o plain -t hf --no-manifest --no-provenance

quietly convert plain.gguf -o other.gguf --no-manifest --metadata 'src.hf.model_type="gemma"' \
  --metadata 'src.hf.rope_theta=5.0' --metadata 'src.hf.hidden_size=99' \
  --metadata 'src.hf.text_config={"hidden_size": 7}' --metadata 'src.hf.../x=1'
expect_exit 0 recast validate other.gguf
expect_text 'WC005'
expect_exit 0 recast convert other.gguf -o other -t hf --no-manifest --no-provenance
for key in model_type rope_theta text_config; do expect_text "src.hf.$key" "$err"; done
[ "$(jq -S 'del(.["../x"])' other/config.json)" = "$(jq -S . plain/config.json)" ] ||
  fail "another config than without these keys"
expect_same plain/model.safetensors other/model.safetensors

quietly convert plain.gguf -o broken.gguf --no-manifest --metadata 'src.hf.x={'
expect_exit 1 recast validate broken.gguf
expect_exit 4 recast convert broken.gguf -o broken -t hf --no-manifest
expect_text 'EI150' "$err"
expect_text 'broken.gguf, key "src.hf.x", offset 1' "$err"
expect_only plain.gguf plain other.gguf other broken.gguf

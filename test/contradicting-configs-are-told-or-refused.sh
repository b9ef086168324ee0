#!/bin/bash
# A config that contradicts itself or its weights: harmless is told, another model is refused.
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model

# changed FILTER: the model with another config
changed() { jq "$1" "$bard/config.json" > model/config.json; }
# told CODE REGEX FILTER: converted, with a warning
told() {
  changed "$3"
  expect_exit 0 recast convert model -o told.gguf --force --no-manifest
  expect_text "$1" "$err"
  expect_text "$2" "$err"
  expect_exit 8 recast convert model -o told.gguf --force --no-manifest --strict
}
# refused CODE REGEX FILTER: nothing is written, and the file is named as the user names it
refused() {
  changed "$3"
  expect_exit 4 recast convert model -o refused.gguf --no-manifest
  expect_text "$1" "$err"
  expect_text "$2" "$err"
  expect_text '(^|[ "])model/[a-z0-9.-]+(json|safetensors)' "$err"
  expect_exit 1 recast validate model
  expect_text "$1"
}

told WT003 'model/config.json, key "bos_token_id"' '.bos_token_id = "one"'
told WT003 'found -3' '.eos_token_id = [2, -3]'
told WA004 'rope_type' '.rope_parameters = null | .rope_scaling = {type: null, factor: 4}'
told WA006 'rope_parameters.odd' '.rope_parameters.odd = 1'
told WA006 'partial_rotary_factor' '.partial_rotary_factor = 0.5'
told WA005 'model_type' '.model_type = "mistral"'

refused EI411 'found gemma' '.model_type = "gemma"'
refused EI400 'rope_scaling' '.rope_scaling = {type: "linear", factor: 4}'
refused EI400 '"type"' '.rope_parameters += {rope_type: "linear", type: "yarn", factor: 4}'
refused EI400 'factor' '.rope_parameters += {rope_type: "linear", factor: -4}'
refused EI405 'vocab_size' '.vocab_size = 2040'
expect_exit 0 recast convert model -o said.gguf --no-manifest --no-tokenizer \
  --model-config "$bard/config.json"
changed '.model_type = "gemma"'
expect_exit 0 recast convert model -o said.gguf --force --no-manifest --model-type llama

# Which of several ids counts is in the report.
changed '.eos_token_id = 5'
expect_exit 0 recast convert model -o ids.gguf --no-manifest --json
jq -e '.assumptions | any(. == "eos_token_id 2; config.json says 5")' "$out" > /dev/null ||
  fail "the report does not say which id counts"
changed '.dtype = "float32"'
expect_exit 0 recast convert model -o ids.gguf --force --no-manifest --json
jq -e '.warnings == [] and (.notes | any(test("float32.*most weights are BF16")))' "$out" \
  > /dev/null || fail "the report does not say that the stored types count"
expect_only model told.gguf said.gguf ids.gguf

#!/bin/bash
. "$(dirname "$0")/lib.sh"
# with_template TEXT: a small model with this chat template, its Modelfile as lines of JSON pairs
mkdir model && cp "$bard"/*.json "$bard"/tokenizer.model model/
rm model/model.safetensors.index.json
with_template() {
  printf '%s' "$1" > model/chat_template.jinja
  expect_exit 0 recast convert model -o m.gguf --fake-weight --modelfile --force "${@:2}"
  python3 "$test_dir/modelfile.py" Modelfile | jq -c '.[]' > commands || fail "the grammar"
}
says() { grep -qF -- "$1" commands || { cat commands >&2; fail "no $1"; }; }

with_template "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{{ '<|im_start|>assistant\n' }}"
says '["from","./m.gguf"]'
says '<|im_start|>user\n{{ .Content }}<|im_end|>\n'
says '["stop","<|im_end|>"]'
with_template "{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
says '<|start_header_id|>user<|end_header_id|>\n\n{{ .Content }}<|eot_id|>'
says '["stop","<|eot_id|>"]'
with_template "{{ raise_exception('System role not supported') }}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{{ '<start_of_turn>model\n' }}"
says '<start_of_turn>model\n{{ .Content }}{{ if not $last }}<end_of_turn>\n{{ end }}'
with_template "{{ bos_token }}{{ '[INST] ' + message['content'] + ' [/INST]' }}{{ message['content'] + eos_token }}"
says '[INST] '
says '["stop","</s>"]'

# A template of no family is told of, and nothing is made up.
with_template "{{ 'Human: ' + messages[0].content }}"
expect_text WC040
! grep -q '"template"' commands || fail "a template of no known family"
expect_exit 8 recast convert model -o m.gguf --fake-weight --modelfile --force --strict

# The licence is that of the model, whole or not at all.
printf 'Say "yes".\n  Line two """ here.\n' > model/LICENSE
with_template '' --metadata general.sampling.temp=0.7
says '["license","Say \"yes\".\n  Line two \"\"\" here.\n"]'
says '["temperature","0.7"]'
printf 'Three """\nat the end of a line' > model/LICENSE
with_template ''
expect_text WC041
! grep -q '"license"' commands || fail "half a licence"

# Beside one GGUF file only, and never in place of another Modelfile.
expect_exit 7 recast convert model -o other.gguf --fake-weight --modelfile
expect_text 'Modelfile'
[ ! -e other.gguf ] || fail "one without the other"
expect_exit 2 recast convert model -o s.gguf --fake-weight --modelfile --split tensors:9 --force
expect_exit 2 recast convert "$bard" -o folder -t hf --precision f16 --modelfile
expect_exit 2 recast convert "$bard" -o a.safetensors --modelfile
expect_exit 2 recast convert model -o $'a\001.gguf' --fake-weight --modelfile --force
# A hint for running travels as a key and as a parameter, through a copy too
expect_exit 0 recast convert "$bard" -o lock/a.gguf -Q q8_0 --set gguf.use_mlock=true --modelfile \
  --mkdir --no-manifest
expect_text '^PARAMETER use_mlock true$' lock/Modelfile
expect_exit 0 recast convert lock/a.gguf -o lock/b.gguf -Q q4_0 --allow-requantize --no-manifest
expect_exit 0 recast inspect lock/b.gguf
expect_text 'recast.run.use_mlock[[:space:]]+true' "$out"

#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir bare
cp "$bard"/{config.json,tokenizer*} bare/
fake() { recast convert bare -o "$1" -t "$2" --force --no-manifest --fake-weight --fake-weight-config shapes; }
shape() { recast inspect "$1" --tensors --json | jq -c --arg name "$2" '.tensors[] | select(.name == $name).shape'; }
for text in '{"lm_head.weight": [2080, 256]}' $'# padded\nlm_head.weight:\n- 2080\n- 256'; do
  echo "$text" > shapes
  expect_exit 0 fake m.gguf gguf
  [ "$(shape m.gguf output.weight)" = '[2080,256]' ] || fail "output.weight: $(shape m.gguf output.weight)"
  expect_exit 0 fake m hf
  [ "$(shape m lm_head.weight)" = '[2080,256]' ] || fail "lm_head.weight: $(shape m lm_head.weight)"
  [ "$(shape m model.norm.weight)" = '[256]' ] || fail "model.norm.weight: $(shape m model.norm.weight)"
  [ "$(jq .vocab_size m/config.json)" = 2080 ] || fail "the config has another vocab_size"
done
# refused NAME SHAPES: exit 2, and the name is told
rm -r m m.gguf
refused() {
  echo "$2" > shapes
  for target in gguf hf; do
    expect_exit 2 fake m $target
    expect_text "$1"
  done
  [ ! -e m ] || fail "an output in spite of the refusal"
}
refused 'lm_hat.weight' '{"lm_hat.weight": [2080, 256]}'
refused 'lm_head.weight' '{"lm_head.weight": [2080, -256]}'
refused 'lm_head.weight' '{"lm_head.weight": "2080x256"}'
refused 'lm_head.weight' 'lm_head.weight: []'
refused 'lm_head.weight' '{"lm_head.weight": [2080, 255]}'
refused 'lm_head.weight' '{"lm_head.weight": [2000, 256]}'  # fewer rows than tokens
refused 'model.layers.3.mlp.up_proj.weight' '{"model.layers.3.mlp.up_proj.weight": [800, 256]}'
refused 'model.layers.0.self_attn.q_proj.weight' 'model.layers.0.self_attn.q_proj.weight: [1, 1]'

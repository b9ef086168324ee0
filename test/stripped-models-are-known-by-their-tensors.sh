#!/bin/bash
. "$(dirname "$0")/lib.sh"
# Models without what says what they are: known by names and shapes of their tensors, or refused with
# what is missing. Phi 3 has names of its own, Llama shares them with others, Qwen 3 tells its heads.
strip() { python3 "$test_dir/strip_model.py" "$@"; }
same_tensors() { python3 "$test_dir/gguf_data.py" "$@" > "$out" || fail "$(cat "$out")"; }
convert() { quietly convert "$@" --force --no-manifest --no-tokenizer; }

mkdir phi3.config qwen3.config
sizes='"vocab_size": 48, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 3,
  "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
  "rms_norm_eps": 1e-5, "rope_theta": 5000.0'
echo "{\"model_type\": \"phi3\", \"architectures\": [\"Phi3ForCausalLM\"], $sizes}" > phi3.config/config.json
echo "{\"model_type\": \"qwen3\", \"architectures\": [\"Qwen3ForCausalLM\"], \"head_dim\": 16, $sizes}" \
  > qwen3.config/config.json
for family in phi3 qwen3; do
  quietly convert $family.config -o $family -t hf --fake-weight --fake-weight-mode random --seed 5 \
    --no-provenance
  convert $family -o $family.gguf
done
convert "$bard" -o bard.gguf

# 1. No config.json beside the weights: what the tensors cannot tell is asked for, all at once.
cp -r phi3 bare && rm bare/config.json
expect_exit 4 recast convert bare -o x.gguf
expect_text 'EI330'
expect_text '--model-config FILE with max_position_embeddings, num_attention_heads, rms_norm_eps, rope_theta'
expect_exit 5 recast convert bare -o x.gguf --model-type phi3
expect_text 'ES014'
expect_text 'max_position_embeddings, num_attention_heads, rms_norm_eps, rope_theta'
expect_text 'num_hidden_layers 3, .*vocab_size 48, hidden_size 32, intermediate_size 40'
expect_text '^  fix +--model-config FILE'
expect_only phi3.config qwen3.config phi3 qwen3 phi3.gguf qwen3.gguf bard.gguf bare
echo '{"max_position_embeddings": 64, "num_attention_heads": 4, "rms_norm_eps": 1e-5,
  "rope_theta": 5000.0}' > keys.json
expect_exit 0 recast convert bare --model-config keys.json -o x.gguf --no-tokenizer --no-manifest
expect_text 'num_key_value_heads 2 \(by the tensors\)'
expect_text 'class defaults of phi3'
same_tensors phi3.gguf x.gguf
expect_exit 0 recast inspect bare
expect_text '^arch.phi3, from 21 of 21 tensor names and their shapes are those of phi3'

# 2. One file under another name, to a folder that then has a config of its own.
mkdir alone && cp phi3/model.safetensors alone/weights.safetensors
expect_exit 5 recast convert alone/weights.safetensors -o x.gguf --force
expect_text 'num_attention_heads'
convert alone/weights.safetensors --model-config keys.json -o made -t hf
convert made -o x.gguf
same_tensors phi3.gguf x.gguf
expect_exit 0 recast convert alone/weights.safetensors --force -o copy.safetensors --precision f16 --quiet  # asks for no architecture

# 3. A config that does not say of which family it is.
cp -r phi3 unnamed
jq 'del(.model_type, .architectures)' phi3/config.json > unnamed/config.json
convert unnamed -o x.gguf
same_tensors phi3.gguf x.gguf

# 4. A class that nobody knows is not overruled, by names or by anything else.
cp -r phi3 invented
jq '.architectures = ["NewForCausalLM"]' phi3/config.json > invented/config.json
expect_exit 5 recast convert invented -o x.gguf --force
expect_text 'ES001.*Unsupported model architecture'
expect_text 'match phi3 best \(100 %\), found NewForCausalLM'
expect_text '^  fix +recast list archs; .*recast validate'
convert invented -o x.gguf --model-type phi3
same_tensors phi3.gguf x.gguf
expect_exit 0 recast convert invented --force -o copy.safetensors --precision f16 --no-manifest --quiet

# 5, 6, 7. Prefixes: missing, and of what wrapped the model.
for prefix in "" module.model. _orig_mod.model. language_model.model.; do
  rm -rf prefixed && cp -r phi3 prefixed
  strip rename phi3/model.safetensors prefixed/model.safetensors model. "$prefix"
  convert prefixed -o x.gguf
  same_tensors phi3.gguf x.gguf
  rm prefixed/config.json
  convert prefixed -o x.gguf --model-config keys.json
  same_tensors phi3.gguf x.gguf
done

# 8. Names that several families have: the user says which. (A tied head is told by its absence.)
quietly convert "$bard" -o llama.safetensors --no-provenance
expect_exit 5 recast convert llama.safetensors -o x.gguf --force
expect_text 'ES013'
expect_text 'one of llama, mistral'
expect_text '^  fix +--model-type llama'
expect_exit 0 recast inspect llama.safetensors
expect_text '^arch.unknown: .*llama, mistral'
expect_exit 5 recast convert llama.safetensors -o x.gguf --force --model-type llama
expect_text 'ES014'
jq '{max_position_embeddings, num_attention_heads, rms_norm_eps, rope_parameters}' "$bard/config.json" > bard.json
convert llama.safetensors -o x.gguf --model-type llama --model-config bard.json
same_tensors bard.gguf x.gguf

# 9. A GGUF whose architecture is gone is known by its keys.
strip drop-keys phi3.gguf nameless.gguf general.architecture recast. src.
convert nameless.gguf -o made -t hf
convert made -o x.gguf
same_tensors phi3.gguf x.gguf

# 10. One without keys, by its tensors.
strip drop-keys phi3.gguf keyless.gguf general.architecture recast. src. phi3.
expect_exit 5 recast convert keyless.gguf -o made -t hf --force
expect_text 'ES014'
convert keyless.gguf -o made -t hf --model-config keys.json
convert made -o x.gguf
same_tensors phi3.gguf x.gguf

# 11. Norms of one head tell the width of a head, and with it how many there are.
rm -rf bare && cp -r qwen3 bare && rm bare/config.json
expect_exit 5 recast convert bare/model.safetensors -o x.gguf --force
expect_text 'expected max_position_embeddings, rms_norm_eps, rope_theta, found'
jq 'del(.num_attention_heads)' keys.json > fewer.json
convert bare --model-config fewer.json -o x.gguf
same_tensors qwen3.gguf x.gguf

# A config of another family is believed, and what it needs is missing.
expect_exit 4 recast convert bare --model-config phi3.config/config.json -o x.gguf --force
expect_text 'EI405.*another shape than the config says'

# 12. One name that no family has: a model that nobody here knows.
rm -rf bare && cp -r qwen3 bare && rm bare/config.json
strip rename qwen3/model.safetensors bare/model.safetensors model.layers.0.self_attn.k_norm \
  model.layers.0.self_attn.new_norm
expect_exit 5 recast convert bare -o x.gguf --force --model-config fewer.json
expect_text 'ES001'
expect_text 'qwen3 best \(97 %\)'

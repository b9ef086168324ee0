#!/bin/bash
. "$(dirname "$0")/lib.sh"
# config NAME HIDDEN FFN LAYERS HEADS KV_HEADS: of a llama
config() {
  mkdir "$1"
  cat > "$1/config.json" << END
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": $2,
 "intermediate_size": $3, "num_hidden_layers": $4, "num_attention_heads": $5,
 "num_key_value_heads": $6, "vocab_size": 32000, "max_position_embeddings": 4096,
 "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "dtype": "bfloat16"}
END
}
kib() { du -k --total "$@" | tail -n 1 | cut -f 1; }
truncate -s 1G hole
[ "$(kib hole)" -lt 1024 ] || skip "this file system has no holes"

# fake MODEL TO LEAST_GB: more than LEAST_GB to read, less than 10 MiB on the disk
fake() {
  local apparent
  mkdir out
  SECONDS=0
  quietly convert "$1" -o out/model -t "$2" --fake-weight --no-tokenizer
  [ $SECONDS -le 20 ] || fail "$1 to $2 took $SECONDS s"
  apparent=$(du --apparent-size -BG --total -s out | tail -n 1 | cut -dG -f 1)
  [ "$apparent" -ge "$3" ] || fail "$1 to $2: only $apparent GiB"
  [ "$(kib out)" -lt 10240 ] || fail "$1 to $2: $(kib out) KiB on the disk"
  rm -r out
}
config 7b 4096 11008 32 32 32
fake 7b safetensors 12
fake 7b hf 12
fake 7b gguf:f16 12
fake 7b gguf:q8_0 6
config 70b 8192 28672 80 64 8
fake 70b safetensors 128
fake 70b gguf:f16 128
fake 70b gguf:q8_0 68
# The plan says what the disk has to hold, and what only looks as if.
expect_exit 0 recast convert 70b -t gguf:f16 --fake-weight --no-tokenizer -n --json
jq -e '.disk.needed < 10e6 and .disk.holes > 128e9' "$out" > plan || fail "$(jq .disk "$out")"
# Noise is real: what does not fit is refused before anything is written.
config 7t 65536 262144 80 64 8
expect_exit 6 recast convert 7t -o noise.gguf --fake-weight --fake-weight-mode random --no-tokenizer
expect_text 'ER004'
[ ! -e noise.gguf ] || fail "an output in spite of the refusal"

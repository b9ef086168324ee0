#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o one -t hf --shard-size 1GB --no-manifest
quietly convert one -o many -t hf --shard-size 2MB --no-manifest
[ "$(ls many/model-*.safetensors | wc -l)" -ge 4 ] || fail "not sharded"
jq -e '.weight_map | length == 39' many/model.safetensors.index.json > /dev/null || fail "index"
[ ! -e one/model.safetensors.index.json ] || fail "one file needs no index"
quietly convert one -o one.gguf --no-manifest
quietly convert many -o many.gguf --no-manifest
quietly convert "$bard" -o bard.gguf --no-manifest
python3 "$test_dir/gguf_data.py" bard.gguf one.gguf many.gguf

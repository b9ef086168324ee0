#!/bin/bash
. "$(dirname "$0")/lib.sh"
python3 "$test_dir/write_dcp.py" run "$bard"/model-*.safetensors
cp "$bard"/*.json "$bard"/tokenizer.model "$bard"/chat_template.jinja run
rm run/model.safetensors.index.json
quietly convert "$bard" -o a.safetensors --no-manifest --no-provenance
expect_exit 0 recast convert run -o b.safetensors --no-manifest --no-provenance
expect_text 'optimizer'
tensors() { recast inspect "$1" --tensors --json | jq -c '[.tensors[] | {name, shape, type}] | sort'; }
[ "$(tensors a.safetensors)" = "$(tensors b.safetensors)" ] || fail "other tensors"
[ "$(recast inspect b.safetensors --json | jq -r '.metadata["src.pytorch.step"]')" = 3 ] ||
  fail "the step is lost"
quietly convert "$bard" -o a.gguf --no-manifest --no-provenance --tensor-sums
quietly convert run -o b.gguf --no-manifest --no-provenance --tensor-sums
sums() { recast inspect "$1" --json | jq -cS '.metadata["recast.tensor_sums"]'; }
[ "$(sums a.gguf)" != null ] && [ "$(sums a.gguf)" = "$(sums b.gguf)" ] || fail "other values"
for n in 1 4; do
  quietly convert run -o j$n.safetensors --precision f32 -j $n --no-manifest --no-provenance
done
expect_same j1.safetensors j4.safetensors
expect_exit 0 recast validate run
expect_exit 0 recast inspect run
expect_text 'dcp'
mv run/__1_0.distcp elsewhere
expect_exit 4 recast convert run -o c.safetensors --no-manifest
expect_text '__1_0.distcp'

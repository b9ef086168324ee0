#!/bin/bash
# The same weights as safetensors, as a pickle in the folder, and as a bare file beside its config.
. "$(dirname "$0")/lib.sh"
write_torch() { python3 "$test_dir/write_torch.py" "$@"; }
mkdir bin lone
cp "$bard"/*.json bin/ && rm bin/*index*
cp -r bin/. lone/
write_torch bin/pytorch_model.bin "$bard"/*.safetensors
write_torch lone/model.pt --trainer "$bard"/*.safetensors
same=(--no-manifest --no-provenance --metadata general.name=Bard)
quietly convert "$bard" -o a.gguf -Q q8_0 "${same[@]}"
quietly convert bin -o b.gguf -Q q8_0 "${same[@]}"
quietly convert lone/model.pt -o c.gguf -Q q8_0 "${same[@]}"
recast inspect a.gguf --tensors --json | jq -S '[.tensors[] | del(.offset, .file)]' > a
for model in b c; do
  recast inspect $model.gguf --tensors --json | jq -S '[.tensors[] | del(.offset, .file)]' > $model
  expect_same a $model
done
# Tensors begin where the keys end, so the data is compared: all bytes behind the longest header.
size=$(jq 'map(.bytes) | add' a)
for model in a b c; do tail -c "$size" $model.gguf > $model.data; done
expect_same a.data b.data
expect_same a.data c.data
# A pickle beside safetensors is never opened.
cp -r "$bard" both && echo junk > both/pytorch_model.bin
expect_exit 0 recast convert both -o d.gguf -Q q8_0 "${same[@]}"
# Without its config a bare file says what is missing.
mv lone/model.pt . && expect_exit 5 recast convert model.pt -o e.gguf
expect_text 'config.json'

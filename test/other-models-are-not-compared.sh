#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir other
for file in "$bard"/*; do cp "$file" other/; done
sed -i 's/"model_type": "llama"/"model_type": "qwen2"/; s/LlamaForCausalLM/Qwen2ForCausalLM/' other/config.json
quietly convert "$bard" -o a.gguf
expect_exit 1 recast inspect --errors other a.gguf
expect_text '^error\[EQ006\]'
expect_text 'qwen2'
write_safetensors x.safetensors 'left F32 4 00000000'
write_safetensors y.safetensors 'right F32 4 00000000'
expect_exit 1 recast inspect --errors x.safetensors y.safetensors
expect_text '^error\[EQ007\]'
expect_exit 0 recast inspect --errors x.safetensors x.safetensors
# What belongs to one of the two inspections is refused by the other.
expect_exit 2 recast inspect --errors a.gguf
expect_text 'A B'
expect_exit 2 recast inspect a.gguf a.gguf
for option in --top=3 --all --report=r.txt --imatrix=a.gguf -j2; do
  expect_exit 2 recast inspect a.gguf $option
done
for option in --tensors --stats --full --checksum; do
  expect_exit 2 recast inspect --errors a.gguf a.gguf $option
done
expect_exit 2 recast inspect --errors a.gguf a.gguf --top many
expect_exit 7 recast inspect --errors a.gguf x.safetensors --report x.safetensors
echo '{}' > no.json
expect_exit 4 recast report no.json
expect_text '^error\[EI013\]'
expect_exit 4 recast report other/tokenizer.json
expect_exit 3 recast report missing.json

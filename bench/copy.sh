#!/bin/bash
# Conversions that change no value, beside their floor: cp of the same bytes with sync. Warm cache.
# The aim is a CPU ratio and a wall ratio of at most 1.1. Environment: see lib.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
folder=$(model "$size-bf16" --size "$size" --dtype bf16)
weights=$folder/model.safetensors
out=$work/out
machine
warm "$weights"
ls -lL "$weights" | awk '{printf "%.2f GB\n", $5 / 1e9}'
measure --before "$(printf '%q ' rm -f "$out.copy" "$out.gguf" "$out.safetensors")" \
  "cp and sync" "$(printf '%q ' bash -c 'cp "$0" "$1" && sync "$1"' "$weights" "$out.copy")" \
  "HF bf16 to GGUF bf16" "$(convert "$folder" -t gguf:bf16 -o "$out.gguf")" \
  "safetensors to safetensors" "$(convert "$weights" -t safetensors -o "$out.safetensors")"
rm -f "$out.copy" "$out.gguf" "$out.safetensors"

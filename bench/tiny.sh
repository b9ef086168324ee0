#!/bin/bash
# What a conversion costs besides its bytes: each reference checkpoint, at most a few MB, to GGUF beside
# `recast version`. Environment: see lib.sh, and
#   RECAST_SHARED   folder with refs/, default ../shared beside the repository
set -euo pipefail
source "$(dirname "$0")/lib.sh"
shared=${RECAST_SHARED:-$bench/../../shared}
machine
pairs=("recast version" "$(printf '%q ' "$recast" version)")
for config in "$shared"/refs/*/config.json; do
  folder=$(dirname "$config")
  command=$(convert "$folder" -o "$work/tiny.gguf")
  warm "$folder"/*
  # families that no GGUF holds, and weights that are not read yet
  bash -c "$command" > "$work/tiny.log" 2>&1 || continue
  pairs+=("$(basename "$folder")" "$command")
done
measure "${pairs[@]}"

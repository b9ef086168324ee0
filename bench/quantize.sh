#!/bin/bash
# Quantizing an f16 GGUF to q4_0 and q8_0 (every matrix, --pure): CPU seconds against llama.cpp's own
# quantizer on the same file, both with one thread, then one thread against two.
# The aim is a CPU ratio of at most 0.143 (7 times) for q4_0 and 0.1 (10 times) for q8_0, and two
# threads at least 1.9 times as fast as one. That the bytes are equal is for test/oracle to show.
# Environment: see lib.sh, and
#   RECAST_ORACLES   where @node-llama-cpp/linux-x64 is installed (npm); without it no peer is timed
set -euo pipefail
source "$(dirname "$0")/lib.sh"
folder=$(model "$size-f16" --size "$size" --dtype f16)
input=$work/$size-f16.gguf
[ -f "$input" ] || "$recast" convert "$folder" -t gguf:f16 -o "$input" --no-manifest -q
libraries=$oracles/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64
peer=$work/llama_quantize
[ ! -d "$libraries" ] || c++ -std=c++20 -O1 "$bench/llama_quantize.cpp" -o "$peer" -ldl
machine
warm "$input"
for pair in q4_0:2 q8_0:7; do
  type=${pair%:*}
  out=$work/out-$type.gguf
  commands=()
  if [ -d "$libraries" ]; then
    commands+=("llama.cpp $type" "$(printf '%q ' "$peer" "$libraries" "$input" "$out.peer" "${pair#*:}")")
  fi
  for threads in 1 2; do
    commands+=("recast $type -j $threads" "$(convert "$input" -Q "$type" --pure -j $threads -o "$out")")
  done
  measure --before "$(printf '%q ' rm -f "$out" "$out.peer")" "${commands[@]}"
  rm -f "$out" "$out.peer"
done

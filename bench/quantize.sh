#!/bin/bash
# Quantizing a bf16 GGUF by recipes: CPU seconds against llama.cpp's own quantizer on the same file,
# both with one thread; two threads against one; a floor that reads the input and writes as many bytes
# as the output has. Says whether the files are equal. At the end the way from the Hugging Face folder
# to q4_k_m in one pass, against the same from a GGUF.
# Aims, CPU ratio to the peer: q4_0 0.143 (7 times), q8_0 and K types 0.1, iq4 0.05, others 0.2 at most;
# two threads 1.9 times as fast as one; one pass at most 1.1 times the quantization alone.
# Environment: see lib.sh, and
#   RECIPES          names; with ":imatrix" behind it, packed by a generated importance matrix
#   PEER             0: without the peer, which takes minutes for the IQ types
#   RECAST_ORACLES   where @node-llama-cpp/linux-x64 is installed (npm); without it no peer is timed
set -euo pipefail
source "$(dirname "$0")/lib.sh"
recipes=${RECIPES:-q4_0 q8_0 q2_k q3_k_m q4_k_m q5_k_m q6_k iq4_xs q4_k_m:imatrix iq2_xxs:imatrix}
declare -A number=([q4_0]=2 [q4_1]=3 [q5_0]=8 [q5_1]=9 [q8_0]=7 [q2_k]=10 [q3_k_m]=12 [q4_k_m]=15
  [q5_k_m]=17 [q6_k]=18 [iq4_nl]=25 [iq4_xs]=30 [iq3_s]=26 [iq3_xxs]=23 [iq2_s]=28 [iq2_xs]=20
  [iq2_xxs]=19 [iq1_s]=24 [iq1_m]=31 [tq1_0]=36 [tq2_0]=37)
folder=$(model "$size-bf16" --size "$size" --dtype bf16)
input=$work/$size-bf16.gguf
[ -f "$input" ] || "$recast" convert "$folder" -o "$input" --no-manifest --no-provenance -q > /dev/null
matrix=$work/$size.dat
[ -f "$matrix" ] || "$bench/make_imatrix.py" "$folder" "$matrix"
libraries=$oracles/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64
peer=$work/llama_quantize
[ -d "$libraries" ] || PEER=0
[ "${PEER:-1}" = 0 ] ||
  c++ -std=c++20 -O1 "$bench/../test/oracle/llama_quantize.cpp" -o "$peer" -ldl
machine
warm "$input"
for recipe in $recipes; do
  type=${recipe%:*}
  out=$work/out-$type.gguf
  ours=(convert "$input" -Q "$type" -o "$out" --no-provenance)
  theirs=("$peer" "$libraries" "$input" "$out.peer" "${number[$type]}")
  if [ "$type" != "$recipe" ]; then
    ours+=(--imatrix "$matrix")
    theirs+=("imatrix=$matrix")
  fi
  commands=()
  [ "${PEER:-1}" = 0 ] || commands+=("llama.cpp $recipe" "$(printf '%q ' "${theirs[@]}")")
  for threads in 1 2; do
    commands+=("recast $recipe -j $threads" "$("${ours[@]}" -j $threads)")
  done
  "$recast" "${ours[@]}" --no-manifest -q --force > /dev/null
  commands+=("floor" "bash -c 'cat $input > /dev/null; head -c $(stat -c %s "$out") $input > $out.floor'")
  measure --before "rm -f $out.floor" "${commands[@]}"
  # With a matrix the peer writes no keys that name it.
  if [ "$type" = "$recipe" ] && [ -f "$out.peer" ]; then
    cmp -s "$out" "$out.peer" && echo "equal files" || echo "DIFFERENT FILES"
  fi
  rm -f "$out" "$out.peer" "$out.floor"
done
measure "GGUF to q4_k_m" "$(convert "$input" -Q q4_k_m -j 1 -o "$work/out.gguf")" \
  "folder to q4_k_m" "$(convert "$folder" -Q q4_k_m -j 1 -t gguf -o "$work/out.gguf")"
rm -f "$work/out.gguf"

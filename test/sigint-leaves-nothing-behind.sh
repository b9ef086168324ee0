#!/bin/bash
. "$(dirname "$0")/lib.sh"
rows=()
for i in {1..64}; do rows+=("t$i F32 1024x1024 0000803f00000040"); done
write_safetensors big.safetensors "${rows[@]}"  # 256 MiB, so that a run can be met in the middle
set -m  # else a job in the background ignores SIGINT
for signal in INT:130 TERM:143; do
  code=0
  for attempt in 1 2 3 4 5; do
    "$program" convert big.safetensors -o out.safetensors --precision bf16 -j 1 > "$out" 2> "$err" &
    until compgen -G '.out.safetensors.part-*' > /dev/null || [ -z "$(jobs -rp)" ]; do :; done
    kill -${signal%:*} $! 2> /dev/null || true
    code=0
    wait $! || code=$?
    [ $code = 0 ] || break
    rm -f out.safetensors*
  done
  [ $code = ${signal#*:} ] || fail "exit $code on SIG${signal%:*}"
  expect_only big.safetensors
done

#!/bin/bash
. "$(dirname "$0")/lib.sh"
# 16 GiB of zeros that take no disk: far too much to be over before the signal.
write_safetensors big.safetensors 'a F32 65536x65536 00000000'
for signal in INT:130 TERM:143; do
  "$program" inspect --errors big.safetensors big.safetensors --report r.txt --progress json \
    > "$out" 2> "$err" &
  run=$!
  until grep -q stage_start "$err"; do
    [ -n "$(jobs -rp)" ] || fail "it ended before it began"
  done
  kill -${signal%:*} $run
  code=0
  wait $run || code=$?
  [ $code = "${signal#*:}" ] || { cat "$err" >&2; fail "exit $code after SIG${signal%:*}"; }
  expect_text 'EC001'
done
expect_only big.safetensors

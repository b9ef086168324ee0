#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_big 160  # 80 MiB of output for a disk of 64
mkdir disk
export program
in_namespace bash -eu -c '
  mount -t tmpfs -o size=64m tmpfs disk
  echo old > disk/out.safetensors
  say() { echo "FAILED: $*"; exit 1; }
  try() {  # try WANTED-TEXT OPTION...
    local want=$1 code=0
    shift
    "$program" convert big.safetensors -o disk/out.safetensors --precision bf16 --force "$@" 2> said || code=$?
    cat said >&2
    [ $code = 6 ] || say "exit $code on a full disk: $*"
    grep -q "$want" said || say "no text $want: $*"
    [ "$(cat disk/out.safetensors)" = old ] || say "the old output changed"
    [ "$(ls -A disk)" = out.safetensors ] || say "left behind: $(ls -A disk)"
  }
  try ER004  # seen before the first byte, with what is needed and what there is
  grep -q "bytes.*GiB" said || say "no numbers"
  try ENOSPC --skip-disk-check
  try ENOSPC --skip-disk-check --journal=1M
  rm disk/out.safetensors
  code=0
  "$program" convert big.safetensors -o disk/folder -t safetensors:bf16 --shard-size 30M --skip-disk-check 2> said || code=$?
  [ $code = 6 ] && [ -z "$(ls -A disk)" ] || say "exit $code of shards, left $(ls -A disk)"
  # The text of the result meets a full device: told, though the output is there.
  code=0
  "$program" convert big.safetensors -o small.safetensors --precision bf16 > /dev/full 2> said || code=$?
  [ $code = 6 ] && [ -s small.safetensors ] || say "exit $code with /dev/full"
' || fail "see above"

#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_big 128
cp big.safetensors other
change() {
  case $1 in
    rewritten) printf x | dd of=big.safetensors bs=1 seek=100000000 conv=notrunc status=none ;;
    replaced) mv other big.safetensors ;;
  esac
}
for how in rewritten replaced; do
  echo old > out.safetensors
  hold out.safetensors --precision bf16 --force
  change $how
  let_go 7
  expect_text '^error\[EI011\]'
  [ "$(cat out.safetensors)" = old ] || fail "$how: the old output changed"
  rm -f other
  expect_only big.safetensors out.safetensors
  cp big.safetensors other
done

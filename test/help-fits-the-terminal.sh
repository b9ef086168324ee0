#!/bin/bash
. "$(dirname "$0")/lib.sh"
for command in convert quantize inspect validate list explain doctor completion man version; do
  expect_exit 0 recast $command -h
  [ "$(wc -l < "$out")" -le 24 ] || fail "recast $command -h has more than 24 lines"
  [ "$(wc -L < "$out")" -le 80 ] || fail "recast $command -h is wider than 80 columns"
  expect_exit 0 recast $command --help
  [ "$(wc -L < "$out")" -le 80 ] || fail "recast $command --help is wider than 80 columns"
  expect_exit 0 recast --help
  expect_text "\b$command\b" "$out"
done
[ "$(recast version)" = "$(recast --version)" ] || fail "two versions"

#!/bin/bash
. "$(dirname "$0")/lib.sh"
for table in formats types archs pairs errors limits options; do
  expect_exit 0 recast list $table --json
  jq -e 'length > 0' "$out" > /dev/null || fail "list $table"
  expect_exit 0 recast ls $table
  expect_text '..'
done
for format in gguf hf safetensors; do
  expect_exit 0 recast list options --to $format --json
  jq -e 'all(.effect | test("^(acts|no effect|refused)$"))' "$out" > /dev/null || fail "$format"
done
expect_exit 0 recast list formats --json
jq -e '[.[].name] | contains(["gguf", "hf", "safetensors"])' "$out" > /dev/null || fail "formats"
expect_exit 2 recast list formts
expect_text 'formats'

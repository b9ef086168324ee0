#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o a.gguf --no-manifest
quietly convert "$bard" -o b.gguf -Q q8_0 --no-manifest
mv b.gguf b.safetensors  # its name gives a warning
head -c 5000 a.gguf > cut.gguf
holds() { jq -e "$1" "$out" > /dev/null || fail "not so: $1"; }
json() { expect_exit "$1" recast "${@:2}" --json; holds type; }
json 0 convert "$bard" -o c.gguf
holds '.outputs[0].path == "c.gguf" and .tensors.total == 39 and .warnings == []'
json 0 convert b.safetensors -o d.gguf
holds '.warnings | length > 0'
json 0 inspect b.safetensors --tensors
holds '.format == "gguf" and (.tensors | length == 39)'
json 0 inspect "$bard"
json 0 validate a.gguf
holds '.valid == true'
json 1 validate cut.gguf
holds '.valid == false and (.findings[0].code | test("^E"))'
json 4 convert cut.gguf -o e.gguf
json 3 inspect missing
json 0 convert "$bard" -n -o f.gguf
expect_exit 4 recast convert cut.gguf -o e.gguf --json-errors
jq -e '.code | test("^E")' "$err" > /dev/null || fail "--json-errors"

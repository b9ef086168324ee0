#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o a.gguf -Q q8_0 --no-manifest
holds() { jq -se "$1" "$err" > /dev/null || fail "not so: $1"; }
expect_exit 0 recast convert "$bard" -o b.gguf -Q q8_0 --no-manifest --progress json
holds 'length > 2'
holds 'all(has("v") and has("t") and has("event"))'
holds '.[-1].event == "result"'
for stage in load convert save validate; do
  holds "any(.event == \"stage_start\" and .stage == \"$stage\")"
done
expect_exit 3 recast convert missing -o c.gguf --progress json
holds '.[-1].event == "error"'
expect_same a.gguf b.gguf

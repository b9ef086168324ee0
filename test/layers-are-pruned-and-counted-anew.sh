#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o m.gguf --no-manifest
expect_exit 0 recast convert m.gguf -o three.gguf --prune-layers 1 --no-manifest --verify tensors
expect_exit 0 recast validate three.gguf
python3 - "$test_dir" <<'P'
import sys
sys.path.insert(0, sys.argv[1])
import gguf_data
rows, _, keys = gguf_data.table("three.gguf")
assert keys["llama.block_count"] == 3, keys["llama.block_count"]
before, after = gguf_data.tensors("m.gguf"), gguf_data.tensors("three.gguf")
for new, old in ((0, 0), (1, 2), (2, 3)):
    for name, value in before.items():
        if name.startswith(f"blk.{old}."):
            assert after.pop(name.replace(f"blk.{old}.", f"blk.{new}.")) == value, name
assert all(not name.startswith("blk.") for name in after), after.keys()
P
expect_exit 0 recast convert three.gguf -o back/ -t hf --mkdir --no-manifest
[ "$(jq .num_hidden_layers back/config.json back/*/config.json 2> /dev/null)" = 3 ] || fail "config"
for list in 4 0-3 1, x -1; do
  expect_exit 2 recast convert m.gguf -o out.gguf "--prune-layers=$list"
done
expect_exit 2 recast convert "$bard" -o out.gguf --prune-layers 1
expect_text 'convert to GGUF first'

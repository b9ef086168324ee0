#!/bin/bash
. "$(dirname "$0")/lib.sh"
# IQ3_S with a sub-block of zeros between others: the reference does not read back what it writes
expect_exit 0 recast convert "$bard" -o none.gguf -Q iq3_s --no-manifest --json
grep -q corrupts "$out" && fail "a model without such blocks has some"
cp -r "$bard" model
python3 "$test_dir/poke_tensor.py" model model.layers.1.mlp.up_proj.weight 64 \
  "$(printf '0000%.0s' {1..32})"
expect_exit 0 recast convert model -o some.gguf -Q iq3_s --no-manifest --json
expect_text 'blk.1.ffn_up.weight: 1 block of IQ3_S written right that the reference corrupts' "$out"
# ... and is right: what stands behind the zeros is as near as anywhere
expect_exit 0 recast convert some.gguf -o back -t hf --precision f32 --no-manifest
python3 - << 'PY' || fail "the block does not decode to its weights"
import glob, json, struct
def block(folder, width, read):
    for path in glob.glob(folder + "/*.safetensors"):
        raw = open(path, "rb").read()
        length = struct.unpack("<Q", raw[:8])[0]
        entry = json.loads(raw[8:8 + length]).get("model.layers.1.mlp.up_proj.weight")
        if entry:
            begin = 8 + length + entry["data_offsets"][0]
            return [read(raw[begin + width * i:begin + width * (i + 1)]) for i in range(256)]
source = block("model", 2, lambda b: struct.unpack("<f", b"\0\0" + b)[0])
stored = block("back", 4, lambda b: struct.unpack("<f", b)[0])
zeros = sum(x == 0 for x in source)
assert 32 <= zeros < 64, zeros
error = sum((a - b) ** 2 for a, b in zip(source, stored)) / sum(a * a for a in source)
assert 0 < error < 0.03, error
PY

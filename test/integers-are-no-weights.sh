#!/bin/bash
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model
python3 - << 'END'
import glob, json, struct
for path in glob.glob("model/*.safetensors"):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    for name, row in header.items():
        if name.endswith("0.self_attn.q_proj.weight"):
            row["dtype"] = "I16"  # as wide as BF16
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data[8 + n:])
END
for type in '' '-Q q8_0'; do
  expect_exit 5 recast convert model -o a.gguf $type
  expect_text '^error\[ES003\]'
  expect_text 'model.layers.0.self_attn.q_proj.weight'
  expect_text 'where  model'
done
expect_exit 0 recast convert model -o copy.safetensors --no-manifest  # no weight is moved: a copy
expect_only model copy.safetensors

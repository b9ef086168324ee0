"""Overwrites bytes of one tensor in a sharded Hugging Face folder.

usage: poke_tensor.py FOLDER TENSOR BYTE_OFFSET HEX
"""
import json
import struct
import sys

folder, name, at, pattern = sys.argv[1:]
with open(f"{folder}/model.safetensors.index.json") as f:
    shard = json.load(f)["weight_map"][name]
with open(f"{folder}/{shard}", "r+b") as f:
    (length,) = struct.unpack("<Q", f.read(8))
    begin, end = json.loads(f.read(length))[name]["data_offsets"]
    assert int(at) + len(pattern) // 2 <= end - begin
    f.seek(8 + length + begin + int(at))
    f.write(bytes.fromhex(pattern))

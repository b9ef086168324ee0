"""Relative RMSE of tensors of a Q8_0 GGUF against a bfloat16 Hugging Face folder, read independently.

Prints "NAME VALUE" lines for those matrices that both store in one order (no rotary heads).

usage: tensor_errors.py FOLDER FILE.gguf
"""
import json
import math
import pathlib
import struct
import sys

import gguf_data

NAMES = {"blk.0.attn_v": "model.layers.0.self_attn.v_proj", "blk.3.attn_v": "model.layers.3.self_attn.v_proj",
         "blk.1.attn_output": "model.layers.1.self_attn.o_proj", "blk.2.ffn_down": "model.layers.2.mlp.down_proj",
         "output_norm": "model.norm"}


def bfloat16(data):
    return [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0] for i in range(0, len(data), 2)]


def source(folder):
    out = {}
    for shard in sorted(pathlib.Path(folder).glob("*.safetensors")):
        data = shard.read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        for name, row in json.loads(data[8:8 + length]).items():
            if name != "__metadata__":
                begin, end = row["data_offsets"]
                out[name] = data[8 + length + begin:8 + length + end]
    return out


def q8_0(data):
    values = []
    for at in range(0, len(data), 34):
        scale, *codes = struct.unpack_from("<e32b", data, at)
        values += [scale * code for code in codes]
    return values


def f32(data):
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def main(folder, file):
    want = source(folder)
    for name, kind, _, data in gguf_data.tensor_data(file):
        native = NAMES.get(name.removesuffix(".weight"))
        if native:
            a = bfloat16(want[native + ".weight"])
            b = {0: f32, 8: q8_0}[kind](data)
            assert len(a) == len(b), name
            error = math.fsum((x - y) ** 2 for x, y in zip(a, b))
            print(name, math.sqrt(error / math.fsum(x * x for x in a)))


main(*sys.argv[1:])

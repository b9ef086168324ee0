"""Writes a small safetensors file: write_safetensors.py FILE 'NAME DTYPE SHAPE HEX'...

SHAPE is like 2x3; the HEX bytes (little-endian elements) are repeated to fill the tensor. Zero
bytes become a hole, so that a large tensor costs no disk.
"""
import json
import math
import struct
import sys

BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "U8": 8}


def main(path, *rows):
    header, offset, parts = {}, 0, []
    for row in rows:
        name, dtype, shape, pattern = row.rsplit(" ", 3)
        shape = [int(n) for n in shape.split("x")]
        size = math.prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        parts.append((bytes.fromhex(pattern), size))
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for pattern, size in parts:
            if any(pattern):
                f.write((pattern * (size // len(pattern) + 1))[:size])
            else:
                f.seek(size, 1)
        f.truncate()


main(*sys.argv[1:])

#!/usr/bin/env python3
"""Writes an importance matrix in the older form: rising values for each block matrix of a GGUF.

usage: write_imatrix.py FILE.dat MODEL.gguf [NAME]...   only these tensors when named
"""
import struct
import sys

import gguf_data

path, model, only = sys.argv[1], sys.argv[2], sys.argv[3:]
entries = {}
for name, shape in gguf_data.tensor_shapes(model).items():
    if len(shape) < 2 or not name.startswith("blk.") or (only and name not in only):
        continue
    columns = shape[0] * (shape[2] if len(shape) > 2 else 1)
    entries[name] = [1 + (i % 97) / 16 for i in range(columns)]
with open(path, "wb") as out:
    out.write(struct.pack("<i", len(entries)))
    for name, values in entries.items():
        text = name.encode()
        out.write(struct.pack("<i", len(text)) + text + struct.pack("<ii", 2, len(values)))
        out.write(struct.pack(f"<{len(values)}f", *values))
    out.write(struct.pack("<ii", 3, 8) + b"text.txt")

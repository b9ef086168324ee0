#!/usr/bin/env python3
"""Writes an importance matrix in the older form (.dat) for the matrices in the blocks of a model that
make_model.py wrote: positive values with a few large ones, as activations have them.

usage: make_imatrix.py FOLDER OUT.dat
"""
import json
import pathlib
import random
import struct
import sys

PARTS = {"attn_q": "h", "attn_k": "h", "attn_v": "h", "attn_output": "h", "ffn_gate": "h",
         "ffn_up": "h", "ffn_down": "f"}


def main():
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    config = json.loads((folder / "config.json").read_text())
    width = {"h": config["hidden_size"], "f": config["intermediate_size"]}
    rng = random.Random(5)
    rows = {n: struct.pack(f"<{n}f", *(rng.lognormvariate(0, 1.5) for _ in range(n)))
            for n in width.values()}
    names = [(f"blk.{i}.{part}.weight", width[kind])
             for i in range(config["num_hidden_layers"]) for part, kind in PARTS.items()]
    with open(out, "wb") as file:
        file.write(struct.pack("<i", len(names)))
        for name, n in names:
            file.write(struct.pack("<i", len(name)) + name.encode())
            file.write(struct.pack("<ii", 1, n) + rows[n])


main()

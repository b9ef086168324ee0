"""Makes general_keys.tsv with the gguf package (pip install gguf).

usage: make_general_keys.py FOLDER > general_keys.tsv
FOLDER holds one folder a model, each with the reference.gguf that llama.cpp's convert_hf_to_gguf.py
made of it. A row: folder, total, shared, expert and stacked expert counts of its tensors, then
KEY=VALUE for every general.* key in file order.
"""
import math
import pathlib
import sys

from gguf import GGUFReader


def counts(tensors):
    total = shared = expert = stacked = stacks = 0
    for tensor in tensors:
        extents = [int(n) for n in tensor.shape]  # innermost first
        size = math.prod(extents)
        total += size
        if "_exps." in tensor.name and len(extents) >= 3:
            n = extents[1 if ".bias" in tensor.name else 2]
            expert, stacked, stacks = expert + size // n, stacked + n, stacks + 1
        else:
            shared += size
    return total, shared, expert, stacked // stacks if stacks else 0


for path in sorted(pathlib.Path(sys.argv[1]).glob("*/reference.gguf")):
    reader = GGUFReader(path)
    keys = [f"{k}={f.contents()}" for k, f in reader.fields.items() if k.startswith("general.")]
    print(path.parent.name, *counts(reader.tensors), *keys, sep="\t")

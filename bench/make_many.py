#!/usr/bin/env python3
"""Writes one file of very many tiny tensors, to time the opening of a file.

usage: make_many.py FILE.gguf|FILE.safetensors [--tensors N]
"""
import argparse
import json
import struct

VALUES = 32  # a tensor: 32 values of f16, 64 bytes, which keeps GGUF's alignment of 32


def names(count):
    return [f"blk.{i}.ffn_up.weight" for i in range(count)]


def gguf_header(count):
    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()

    def key(name, value):
        return text(name) + struct.pack("<I", 8) + text(value)

    parts = [b"GGUF", struct.pack("<IQQ", 3, count, 2),
             key("general.architecture", "llama"), key("general.name", "Many")]
    for i, name in enumerate(names(count)):
        parts.append(text(name) + struct.pack("<IQIQ", 1, VALUES, 1, i * VALUES * 2))
    header = b"".join(parts)
    return header + bytes(-len(header) % 32)


def safetensors_header(count):
    size = VALUES * 2
    table = {name: {"dtype": "F16", "shape": [VALUES], "data_offsets": [i * size, (i + 1) * size]}
             for i, name in enumerate(names(count))}
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--tensors", type=int, default=100_000)
    args = parser.parse_args()
    header = gguf_header if args.file.endswith(".gguf") else safetensors_header
    with open(args.file, "wb") as out:
        out.write(header(args.tensors))
        out.write(bytes(args.tensors * VALUES * 2))


if __name__ == "__main__":
    main()

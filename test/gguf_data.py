"""Checks that GGUF files hold the same tensors (name, type, shape, bytes), in any order.

usage: gguf_data.py FILE FILE...      exit 1 and one line a difference
"""
import hashlib
import math
import struct
import sys

FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# type number: elements and bytes of a block
BLOCKS = {0: (1, 4), 1: (1, 2), 30: (1, 2),
          2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
          10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210)}


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, code):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def text(self):
        size = self.get("Q")
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            kind, count = self.get("I"), self.get("Q")
            return [self.value(kind) for _ in range(count)]
        return self.get(FIXED[kind])


def table(path):
    """Rows (name, shape innermost first, type, offset) and a cursor behind them, and the keys."""
    with open(path, "rb") as f:
        cursor = Cursor(f.read())
    assert cursor.get("I") == 0x46554747 and cursor.get("I") == 3, f"{path}: not GGUF version 3"
    count, keys = cursor.get("Q"), cursor.get("Q")
    metadata = {cursor.text(): cursor.value(cursor.get("I")) for _ in range(keys)}
    rows = []
    for _ in range(count):
        name = cursor.text()
        shape = [cursor.get("Q") for _ in range(cursor.get("I"))]
        rows.append((name, shape, cursor.get("I"), cursor.get("Q")))
    return rows, cursor, metadata


def tensor_shapes(path):
    """{name: shape}, innermost first."""
    return {name: shape for name, shape, _, _ in table(path)[0]}


def tensor_data(path):
    """Yields (name, type number, shape innermost first, bytes)."""
    rows, cursor, metadata = table(path)
    alignment = metadata.get("general.alignment", 32)
    begin = -(-cursor.at // alignment) * alignment
    for name, shape, kind, offset in rows:
        elements, size = BLOCKS[kind]
        first = begin + offset
        yield name, kind, shape, cursor.data[first:first + math.prod(shape) // elements * size]


def tensors(path):
    return {name: (kind, shape, hashlib.sha256(data).hexdigest())
            for name, kind, shape, data in tensor_data(path)}


def main(first, *others):
    want, failed = tensors(first), False
    for other in others:
        have = tensors(other)
        for name in sorted(want.keys() | have.keys()):
            if want.get(name) != have.get(name):
                print(f"{other}: {name} is {have.get(name)}, {first} has {want.get(name)}")
                failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

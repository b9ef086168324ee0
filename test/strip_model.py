"""Takes away what says what a model is.

usage: strip_model.py rename IN OUT OLD NEW     safetensors: tensor names that begin with OLD begin with NEW
       strip_model.py drop-keys IN OUT START... GGUF: without the metadata keys that begin so
"""
import json
import struct
import sys


def rename(source, target, old, new):
    with open(source, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(size)), f.read()
    renamed = {new + name[len(old):] if name.startswith(old) and name != "__metadata__" else name: row
               for name, row in header.items()}
    text = json.dumps(renamed).encode()
    text += b" " * (-len(text) % 8)
    with open(target, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def skip_value(data, at, kind):
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    if kind == 8:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    if kind != 9:
        return at + sizes[kind]
    element, count = struct.unpack_from("<IQ", data, at)
    at += 12
    for _ in range(count):
        at = skip_value(data, at, element)
    return at


def drop_keys(source, target, *starts):
    with open(source, "rb") as f:
        data = f.read()
    magic, version, tensors, keys = struct.unpack_from("<IIQQ", data)
    at, kept = 24, []
    for _ in range(keys):
        begin = at
        size = struct.unpack_from("<Q", data, at)[0]
        name = data[at + 8:at + 8 + size].decode()
        at += 8 + size + 4
        at = skip_value(data, at, struct.unpack_from("<I", data, at - 4)[0])
        if not name.startswith(starts):
            kept.append(data[begin:at])
    begin = at
    for _ in range(tensors):
        at += 8 + struct.unpack_from("<Q", data, at)[0]
        at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 12
    head = struct.pack("<IIQQ", magic, version, tensors, len(kept)) + b"".join(kept) + data[begin:at]
    with open(target, "wb") as f:
        f.write(head + bytes(-len(head) % 32) + data[at + -at % 32:])


{"rename": rename, "drop-keys": drop_keys}[sys.argv[1]](*sys.argv[2:])

"""Squared error of packed tensors against their source, by decoders of its own.

usage: block_error.py SOURCE.gguf PACKED.gguf TENSOR [ramp]
SOURCE holds the tensor in F32; PACKED in Q4_0, Q8_0, Q4_K or Q6_K. With `ramp` a column counts as
write_imatrix.py says. Prints the sum over the tensor.
"""
import math
import struct
import sys

import gguf_data


def q4_0(b):
    d, = struct.unpack_from("<e", b)
    return [d * ((q & 15) - 8) for q in b[2:]] + [d * ((q >> 4) - 8) for q in b[2:]]


def q8_0(b):
    d, *q = struct.unpack("<e32b", b)
    return [d * v for v in q]


def q4_k(b):
    d, dmin = struct.unpack_from("<ee", b)
    s, qs, out = b[4:16], b[16:], []
    for j in range(8):
        if j < 4:
            scale, low = s[j] & 63, s[j + 4] & 63
        else:
            scale, low = s[j + 4] & 15 | s[j - 4] >> 6 << 4, s[j + 4] >> 4 | s[j] >> 6 << 4
        nibbles = qs[32 * (j // 2):32 * (j // 2) + 32]
        out += [d * scale * (q >> 4 * (j % 2) & 15) - dmin * low for q in nibbles]
    return out


def q6_k(b):
    scales, (d,) = struct.unpack_from("<16b", b, 192), struct.unpack_from("<e", b, 208)
    out = []
    for i in range(256):
        half, at = divmod(i, 128)
        low = b[64 * half + at % 64] >> 4 * (at // 64) & 15
        high = b[128 + 32 * half + at % 32] >> 2 * (at // 32) & 3
        out.append(d * scales[i // 16] * ((low | high << 4) - 32))
    return out


DECODERS = {2: q4_0, 8: q8_0, 12: q4_k, 14: q6_k}


def tensor(path, wanted):
    rows, cursor, metadata = gguf_data.table(path)
    alignment = metadata.get("general.alignment", 32)
    begin = -(-cursor.at // alignment) * alignment
    shape, kind, offset = next(row[1:] for row in rows if row[0] == wanted)
    elements, size = gguf_data.BLOCKS[kind]
    count = math.prod(shape) // elements
    data = cursor.data[begin + offset:begin + offset + count * size]
    if kind == 0:
        return shape[0], struct.unpack(f"<{count}f", data)
    blocks = (DECODERS[kind](data[i:i + size]) for i in range(0, len(data), size))
    return shape[0], [value for block in blocks for value in block]


def main(source, packed, name, weights=None):
    row, values = tensor(source, name)
    importance = [1 + (i % 97) / 16 if weights else 1 for i in range(row)]
    decoded = tensor(packed, name)[1]
    print(sum(importance[i % row] * (v - w) ** 2
              for i, (v, w) in enumerate(zip(values, decoded, strict=True))))


main(*sys.argv[1:])

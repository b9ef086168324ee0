"""Writes what torch.save would: write_torch.py OUT [--trainer|--object MODULE.CLASS] SAFETENSORS...

A zip with the tensors of the files as a dict; --trainer puts what a trainer keeps around it,
--object makes it the attributes of an object. Standard library only.
"""
import json
import pathlib
import struct
import sys
import zipfile

STORAGES = {"F32": ("FloatStorage", 4), "BF16": ("BFloat16Storage", 2), "F16": ("HalfStorage", 2)}


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def dictionary(items):
    return b"}(" + b"".join(text(key) + value for key, value in items) + b"u"


def made(of, items):
    """An object of the class with these attributes."""
    return name(*of.rsplit(".", 1)) + b")\x81" + dictionary(items) + b"b"


def tensor(key, dtype, shape):
    storage, size = STORAGES[dtype]
    count = 1
    strides = []
    for extent in reversed(shape):
        strides.insert(0, count)
        count *= extent
    return (name("torch._utils", "_rebuild_tensor_v2") + b"((" + text("storage") +
            name("torch", storage) + text(key) + text("cpu") + number(count) + b"tQ" + number(0) +
            numbers(shape) + numbers(strides) + b"\x89NtR")


def main(out, *arguments):
    arguments = list(arguments)
    form = arguments.pop(0) if arguments[0].startswith("--") else ""
    of = arguments.pop(0) if form == "--object" else ""
    items, storages = [], []
    for path in arguments:
        data = pathlib.Path(path).read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + length])
        for key, row in sorted(header.items()):
            if key == "__metadata__":
                continue
            begin, end = (8 + length + at for at in row["data_offsets"])
            items.append((key, tensor(str(len(storages)), row["dtype"], row["shape"])))
            storages.append(data[begin:end])
    value = made(of, items) if of else dictionary(items)
    if form == "--trainer":
        moments = dictionary([("exp_avg", items[0][1])])
        value = dictionary([
            ("epoch", number(3)), ("lr", b"G" + struct.pack(">d", 1e-3)),
            ("args", made("argparse.Namespace", [("seed", number(1))])),
            ("optimizer", dictionary([("state", moments)])),
            ("state_dict", dictionary([("module." + key, value) for key, value in items]))])
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + value + b".")
        archive.writestr("archive/byteorder", "little")
        for key, data in enumerate(storages):
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Writes what torch.distributed.checkpoint would: write_dcp.py OUT_FOLDER SAFETENSORS...

Two ranks: of each matrix the first has the left columns and the second the right ones, of a vector
the halves; and under "optimizer" an exp_avg, under "step" a number. Standard library only.
"""
import io
import json
import pathlib
import pickle
import struct
import sys
import types
import zipfile

import write_torch


def made(module, name):
    """A class that pickles under PyTorch's name."""
    cls = type(name, (), {"__module__": module})
    sys.modules.setdefault(module, types.ModuleType(module))
    setattr(sys.modules[module], name, cls)
    return cls


METADATA = "torch.distributed.checkpoint.metadata"
Metadata, TensorStorageMetadata, ChunkStorageMetadata, BytesStorageMetadata, MetadataIndex = (
    made(METADATA, name) for name in (
        "Metadata", "TensorStorageMetadata", "ChunkStorageMetadata", "BytesStorageMetadata",
        "MetadataIndex"))
StorageInfo = made("torch.distributed.checkpoint.filesystem", "_StorageInfo")
DTYPES = {"F32": made("torch", "float32"), "F16": made("torch", "float16"),
          "BF16": made("torch", "bfloat16")}


class Properties:
    """State is a tuple that begins with the dtype."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __getstate__(self):
        return (self.dtype, None, False, None, False)


Properties.__module__, Properties.__qualname__ = METADATA, "TensorProperties"
sys.modules[METADATA].TensorProperties = Properties


class Size:
    def __init__(self, values=()):
        self.values = tuple(values)

    def __reduce__(self):
        return Size, (self.values,)


Size.__module__ = "torch"
sys.modules["torch"].Size = Size


def filled(cls, **attributes):
    value = cls()
    vars(value).update(attributes)
    return value


def archive(value, data=None):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archived:
        members = [("archive/data.pkl", b"\x80\x02" + value + b"."), ("archive/byteorder", "little"),
                   ("archive/version", "3\n")]
        if data is not None:
            members.insert(2, ("archive/data/0", data))
        for name, content in members:  # without the time of day
            archived.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


class Folder:
    def __init__(self):
        self.files = [b"", b""]
        self.entries, self.storage, self.paths = {}, {}, {}

    def put(self, rank, index, content):
        self.storage[index] = filled(StorageInfo, relative_path=f"__{rank}_0.distcp",
                                     offset=len(self.files[rank]), length=len(content))
        self.files[rank] += content

    def add_object(self, name, value):
        self.entries[name], self.paths[name] = BytesStorageMetadata(), tuple(name.split("."))
        self.put(0, filled(MetadataIndex, fqn=name, offset=None, index=None), archive(value))

    def add(self, path, dtype, shape, data):
        name = ".".join(path)
        item = write_torch.STORAGES[dtype][1]
        axis = min(1, len(shape) - 1)
        rows = shape[0] if axis else 1
        row = len(data) // max(1, rows)
        width = shape[axis]
        cuts, chunks = (0, (width + 1) // 2, width), []
        for rank in range(2):
            first, last = cuts[rank], cuts[rank + 1]
            start, extent = [0] * len(shape), list(shape)
            start[axis], extent[axis] = first, last - first
            inner = row // item // width * item
            part = b"".join(data[r * row + first * inner:r * row + last * inner]
                            for r in range(rows))
            chunks.append(filled(ChunkStorageMetadata, offsets=Size(start), sizes=Size(extent)))
            self.put(rank, filled(MetadataIndex, fqn=name, offset=Size(start), index=rank),
                     archive(write_torch.tensor("0", dtype, extent), part))
        self.entries[name], self.paths[name] = filled(
            TensorStorageMetadata, properties=Properties(DTYPES[dtype]), size=Size(shape),
            chunks=chunks), tuple(path)

    def save(self, out):
        out.mkdir(parents=True, exist_ok=True)
        for rank, content in enumerate(self.files):
            (out / f"__{rank}_0.distcp").write_bytes(content)
        (out / ".metadata").write_bytes(pickle.dumps(filled(
            Metadata, state_dict_metadata=self.entries, planner_data=self.paths,
            storage_data=self.storage, storage_meta=None, version="1.0.0"), 4))


def main(out, *paths):
    folder = Folder()
    for path in paths:
        data = pathlib.Path(path).read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + length])
        for key, row in sorted(header.items()):
            if key == "__metadata__":
                continue
            begin, end = (8 + length + at for at in row["data_offsets"])
            folder.add(("model", key), row["dtype"], row["shape"], data[begin:end])
    first = next(iter(folder.entries))
    folder.add(("optimizer", "state", first.removeprefix("model."), "exp_avg"), "F32", [2],
               struct.pack("<2f", 0.5, 0.25))
    folder.add_object("step", write_torch.number(3))
    folder.save(pathlib.Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])

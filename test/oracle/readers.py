"""Independent readers open what Recast wrote and see what it says is there.

GGUF: the gguf package, @huggingface/gguf and llama.cpp (a split set from its first part too).
safetensors: the safetensors library and MLX's loader.

usage: test/oracle/run.sh readers.py [CHECK]...
"""
import functools
import hashlib
import json
import pathlib
import sys
import tempfile

import gguf
import numpy as np
from gguf import quants
from safetensors import safe_open
from safetensors.torch import load_file

import peers
from peers import Differs

SOURCE = peers.SHARED / "models/bard"
# Largest error of a block type, relative to the largest weight of its block of 32.
BLOCK_ERROR = {"f32": 0, "f16": 2**-11, "bf16": 2**-8, "q8_0": 1 / 200,
               "q5_0": 1 / 15, "q5_1": 1 / 15, "q4_0": 1 / 7, "q4_1": 1 / 7}


class Written:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    @functools.lru_cache
    def gguf(self, kind):
        pure = ["--pure"] if kind[0] == "q" else []
        return peers.convert(SOURCE, self.folder / f"{kind}.gguf", "-Q", kind, *pure)

    @functools.lru_cache
    def reference_values(self):
        """float32 values of every tensor by the gguf package, from the peer's own file."""
        path = self.folder / "peer.gguf"
        peers.run([sys.executable, peers.SHARED / "oracles/py_hf_convert.py", SOURCE, path],
                  env={**peers.os.environ, "ORACLES": str(peers.ORACLES)})
        return {t.name: np.array(t.data, np.float32).ravel() for t in gguf.GGUFReader(path).tensors}

    def gguf_package(self, kind):
        want, worst = self.reference_values(), 0.0
        have = {t.name: quants.dequantize(t.data, t.tensor_type).astype("f4").ravel()
                for t in gguf.GGUFReader(self.gguf(kind)).tensors}
        if have.keys() != want.keys():
            raise Differs(f"other tensors: {sorted(have.keys() ^ want.keys())[:4]}")
        for name, values in want.items():
            scale = np.abs(values.reshape(-1, 32)).max(-1, keepdims=True)
            error = np.abs(have[name] - values).reshape(-1, 32)
            if not (error <= BLOCK_ERROR[kind] * scale * 1.01).all():
                raise Differs(f"{name} is further from its source than {kind} explains")
            worst = max(worst, float((error / np.maximum(scale, 1e-30)).max()))
        return f"largest error {worst:.2g} of the block's largest weight"

    def hugging_face_reader(self, kind):
        """Every key and the place of every tensor, against the gguf package."""
        seen = json.loads(peers.node("hf_run.mjs", "gguf", self.gguf(kind)))
        reader = gguf.GGUFReader(self.gguf(kind))
        start = min(t.data_offset for t in reader.tensors)
        want = {t.name: ([int(n) for n in t.shape], int(t.tensor_type), int(t.data_offset) - start)
                for t in reader.tensors}
        have = {t["name"]: (t["shape"], t["dtype"], t["offset"]) for t in seen["tensorInfos"]}
        wrong = [f"{n}: {have.get(n)}, the gguf package says {want.get(n)}"
                 for n in want.keys() | have.keys() if have.get(n) != want.get(n)]
        keys = {k: v for k, (_, v) in peers.gguf_keys(self.gguf(kind)).items()}
        for key, value in keys.items():
            other = seen["metadata"].get(key)
            first = value[0] if isinstance(value, list) and value else value
            same = np.allclose(other, value) if isinstance(first, float) else other == value
            if not same:
                wrong.append(f"{key}: {str(other)[:60]}, the gguf package says {str(value)[:60]}")
        peers.fail_with(wrong)
        return f"{len(keys)} keys, {len(want)} tensors"

    def llama_cpp(self, kind):
        text = peers.llama("info", self.gguf(kind)).decode()
        if "2048 tokens, 4196608 parameters" not in text:
            raise Differs(f"llama.cpp sees {text!r}")

    def llama_cpp_split(self):
        """llama.cpp loads a set from its first part and computes what it computes from one file."""
        whole = self.gguf("f16")
        peers.recast("convert", SOURCE, "-o", self.folder / "set.gguf", "--no-manifest", "-Q", "f16",
                     "--split-max-size", "3M")
        parts = sorted(self.folder.glob("set-*-of-*.gguf"))
        if len(parts) < 3:
            raise Differs(f"{len(parts)} parts")
        ids = [1, 306, 406, 411, 2005]
        if not np.array_equal(peers.llama_logits(parts[0], ids), peers.llama_logits(whole, ids)):
            raise Differs("other logits from the set")
        return f"{len(parts)} parts"

    @functools.lru_cache
    def half(self):
        return peers.convert(SOURCE, self.folder / "half.safetensors", "-t", "safetensors",
                             "--precision", "fp16")

    def safetensors_library(self):
        want = load_file(SOURCE / "model.safetensors")
        with safe_open(self.half(), "pt") as file:
            names = set(file.keys())
            if names != want.keys():
                raise Differs(f"other tensors: {sorted(names ^ want.keys())[:4]}")
            wrong = [n for n in names if not file.get_tensor(n).equal(want[n].half())]
        peers.fail_with([f"{n} is not the source rounded to f16" for n in wrong])
        return f"{len(names)} tensors"

    def mlx(self):
        """MLX hashes f16 values widened to f32."""
        want = load_file(SOURCE / "model.safetensors")
        listing = peers.node("mlx_run.mjs", "list", self.half())
        rows = [line.split() for line in listing.splitlines()]
        have = {name: (dtype, shape, sha) for name, dtype, shape, sha in rows}
        wrong = []
        for name, tensor in want.items():
            values = tensor.half().float().numpy()
            expected = ("float16", "x".join(map(str, values.shape)),
                        hashlib.sha256(values.tobytes()).hexdigest())
            if have.get(name) != expected:
                wrong.append(f"{name}: {have.get(name)}, expected {expected}")
        peers.fail_with(wrong)
        return f"{len(have)} tensors"


def main(wanted):
    with tempfile.TemporaryDirectory() as folder:
        written = Written(folder)
        checks = {f"gguf-package-{k}": functools.partial(written.gguf_package, k)
                  for k in BLOCK_ERROR}
        checks["hugging-face-reader-f32"] = functools.partial(written.hugging_face_reader, "f32")
        checks["hugging-face-reader-q4_0"] = functools.partial(written.hugging_face_reader, "q4_0")
        for kind in BLOCK_ERROR:
            checks[f"llama.cpp-{kind}"] = functools.partial(written.llama_cpp, kind)
        checks["llama.cpp-split-set"] = written.llama_cpp_split
        checks["safetensors-library"] = written.safetensors_library
        checks["mlx"] = written.mlx
        return peers.run_checks({n: c for n, c in checks.items() if not wanted or n in wanted})


sys.exit(main(sys.argv[1:]))

"""Fake weights of each reference model: its tensors by config.json and tokenizer alone.

For each case that refs.py knows: zeros written as GGUF, folder and safetensors have the names, types
and shapes of the real conversion, and every value is 0; noise is one set of bytes for any number of
threads, llama.cpp loads it and computes finite logits that differ from token to token, and so does
transformers.

usage: test/oracle/run.sh fakes.py [--family NAME]... [CASE]...
"""
import argparse
import os
import pathlib
import shutil
import sys
import tempfile

import gguf
import numpy as np
from safetensors import safe_open

import peers
from peers import Differs

REFS = peers.SHARED / "refs"
WEIGHTS = (".safetensors", ".gguf", ".bin", ".json.index")
# Tensors of a GGUF that hold a part of the config.
FROM_CONFIG = "rope_"


def bare_folder(case, folder):
    """The case without a file that could hold weights."""
    folder.mkdir()
    for path in (REFS / case).iterdir():
        if path.is_file() and not path.name.endswith(WEIGHTS) and "index" not in path.name:
            shutil.copy(path, folder / path.name)
    return folder


def stored_tensors(path):
    """{name: (dtype, shape, array)} of every safetensors file of a folder, or of one file."""
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    tensors = {}
    for file in files:
        with safe_open(file, "pt") as opened:
            for name in opened.keys():
                tensor = opened.get_tensor(name)
                tensors[name] = (str(tensor.dtype), tuple(tensor.shape), tensor.float().numpy())
    return tensors


def same_table(have, want):
    wrong = [f"{n} is missing" for n in want.keys() - have.keys()]
    wrong += [f"{n} is not in the real one" for n in have.keys() - want.keys()]
    wrong += [f"{n}: {have[n][:2]}, expected {want[n][:2]}" for n in want.keys() & have.keys()
              if have[n][:2] != want[n][:2]]
    peers.fail_with(wrong)


class Case:
    def __init__(self, name, folder):
        self.name, self.folder, self.real = name, folder, REFS / name
        self.bare = bare_folder(name, folder / "bare")
        self.kind = peers.read_json(REFS / "index.json")[name]["lc_gguf"]

    def zeros(self, output, *options):
        return peers.convert(self.bare, self.folder / output, "--fake-weight", *options)

    def gguf(self):
        for kind in dict.fromkeys([self.kind, "f16", "q8_0"]):
            path = self.zeros(f"zero-{kind}.gguf", "-Q", kind)
            real = peers.convert(self.real, self.folder / "real.gguf", "-Q", kind)
            have = {t.name: (t.tensor_type.name, tuple(t.shape), t.data)
                    for t in gguf.GGUFReader(path).tensors}
            same_table(have, {t.name: (t.tensor_type.name, tuple(t.shape))
                              for t in gguf.GGUFReader(real).tensors})
            peers.fail_with([f"{n} is not zero" for n, (_, _, data) in have.items()
                             if np.any(data) and not n.startswith(FROM_CONFIG)])
        keys = peers.gguf_keys(path)
        if keys.get("recast.fake_weights") != (["BOOL"], True):
            raise Differs("no recast.fake_weights")
        want = {t.name: tuple(t.shape)
                for t in gguf.GGUFReader(self.real / "reference.gguf").tensors}
        if want != {n: shape for n, (_, shape, _) in have.items()}:
            raise Differs("other shapes than reference.gguf")
        return f"{len(have)} tensors"

    def folders(self):
        for target, output in (("hf", "zero"), ("safetensors", "zero.safetensors")):
            path = self.zeros(output, "-t", target)
            real = peers.convert(self.real, self.folder / ("real-" + output), "-t", target)
            have = stored_tensors(path)
            same_table(have, stored_tensors(real))
            peers.fail_with([f"{n} is not zero" for n, (_, _, data) in have.items() if data.any()])
        with safe_open(path, "np") as opened:
            if (opened.metadata() or {}).get("recast.fake_weights") != "true":
                raise Differs("no recast.fake_weights")
        return f"{len(have)} tensors"

    def noise(self):
        made = [self.zeros(f"noise-{n}.gguf", "-Q", self.kind, "--fake-weight-mode", "random",
                           "--seed", "5", "-j", n) for n in ("1", "2")]
        if made[0].read_bytes() != made[1].read_bytes():
            raise Differs("other bytes with two threads")
        ids = list(range(3, 15))
        logits = peers.llama_logits(made[0], ids)
        return alive(logits)

    def noise_by_transformers(self):
        path = self.zeros("noise", "-t", "hf", "--fake-weight-mode", "random")
        import torch
        import transformers
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        name = peers.read_json(path / "config.json")["architectures"][0]
        model, info = getattr(transformers, name).from_pretrained(
            path, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        if info["missing_keys"] or info["unexpected_keys"] or info["mismatched_keys"]:
            raise Differs(f"transformers finds {info}")
        with torch.no_grad():
            ids = torch.tensor([list(range(3, 15))])
            return alive(model.eval()(input_ids=ids, use_cache=False).logits[0].float().numpy())


# Encoders, models that the library does not load, and classes that transformers lacks.
NO_LOGITS = {"bert", "bert-mlm", "roberta", "modernbert", "t5", "deepseek_v2", "internlm2", "minicpm"}

# The real folder has parts that the encoder itself does not need.
POOLED = {"bert", "bert-mlm", "roberta"}


def alive(logits):
    if not np.isfinite(logits).all():
        raise Differs("logits that are not finite")
    spread = float(logits.std(axis=0).mean())
    if not 0.01 < spread < 100:
        raise Differs(f"logits of deviation {spread:.3g}")
    return f"logits of deviation {spread:.2g}"


def cases(families):
    """What refs.py knows: (family, case)."""
    script = pathlib.Path(__file__).with_name("refs.py")
    rows = peers.run([sys.executable, script, "--list"], env=os.environ).decode().split("\n")
    return [row.split()[1] for row in rows if row and (not families or row.split()[0] in families)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--family", action="append", default=[])
    parser.add_argument("case", nargs="*")
    args = parser.parse_args()
    failed = 0
    for name in args.case or cases(args.family):
        if name.endswith("-bin-v4"):
            continue  # the real folder has names of an old time
        with tempfile.TemporaryDirectory() as folder:
            case = Case(name, pathlib.Path(folder))
            checks = {"gguf": case.gguf, "folders": case.folders, "llama.cpp": case.noise,
                      "transformers": case.noise_by_transformers}
            if name in NO_LOGITS:
                checks = {n: checks[n] for n in ("gguf", "folders")}
            if name in POOLED:
                del checks["folders"]
            failed += peers.run_case(name, checks)
    return 1 if failed else 0


sys.exit(main())

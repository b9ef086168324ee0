#!/usr/bin/env python3
"""Damages real model files at random and asks `recast validate` what it sees.

usage: damage.py [--runs N] [--seed N] [--jobs N]   RECAST: the program, RECAST_SHARED: the data

One byte, or a block zeroed, filled, overwritten, lost or doubled, in a safetensors, GGUF or PyTorch
file, a config.json, a tokenizer.json or a sentencepiece model of the references. A third of the runs
each is done on

  plain     the files as they are: damage to structure must be refused or warned about, or leave
            the same tensors (names, types, shapes, places) of the same architecture
  sums      written by us with --tensor-sums and nothing else: damage to weights must be found
  manifest  written by us with a manifest and --checksum: damage to any byte must be found

and nothing may crash or be an internal error. A value that the format leaves free (the spelling
of a token, a rotary base, the name of a tensor where no config asks for one) may be another one:
only a manifest finds that. Prints a table of what was found; exit 1 and the
cases when a promise is broken. Standard library only.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(os.environ.get("RECAST", "build/release/recast"))
SHARED = os.environ.get("RECAST_SHARED")
FOLDERS = ["llama", "qwen2", "gemma2", "phi3", "gpt2", "mixtral", "mamba", "t5", "bert",
           "llama-sharded", "deepseek_v2"]
TORCH_FOLDERS = ["llama-bin-v4", "gpt2-bin-v4", "bert-bin-v4"]
KINDS = {".safetensors": "safetensors", ".gguf": "gguf", ".bin": "pytorch",
         ".model": "sentencepiece"}


def kind_of(name):
    if name in ("config.json", "tokenizer.json", "model.safetensors.index.json"):
        return name
    return KINDS.get(pathlib.Path(name).suffix)


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=60)


# ---- where the weights are -------------------------------------------------------------------

def weight_ranges(path, files):
    """[begin, end) of every run of weight bytes, by file; padding counts as structure."""
    document = json.loads(run("validate", "--json", "--all", path).stdout)
    ranges = {file: [] for file in files}
    for tensor in document["tensors"]:
        file = pathlib.Path(tensor.get("file", path))
        if tensor["bytes"] and "offset" in tensor and file in ranges:
            ranges[file].append((tensor["offset"], tensor["offset"] + tensor["bytes"]))
    return ranges


# ---- damage ----------------------------------------------------------------------------------

def damage(data, at, most, rng):
    """The bytes damaged at a place within [at, at + most); how, and whether sizes stay."""
    out = bytearray(data)
    if rng.random() < 0.5:
        out[at] ^= rng.randrange(1, 256)
        return bytes(out), "byte"
    n = min(rng.choice([2, 4, 8, 16, 64, 512]), most)
    form = rng.choice(["zeros", "ones", "noise", "lost", "doubled"])
    block = out[at:at + n]
    out[at:at + n] = {"zeros": bytes(n), "ones": b"\xff" * n, "noise": rng.randbytes(n),
                      "lost": b"", "doubled": block + block}[form]
    return bytes(out), form


def choose(path, kind, ranges, rng):
    """Damaged bytes, the form, and whether weights alone were hit."""
    data = path.read_bytes()
    while True:
        if ranges and rng.random() < 0.5:
            begin, end = rng.choice(ranges)
            at = rng.randrange(begin, end)
            out, form = damage(data, at, end - at, rng)
            hit_weights = form not in ("lost", "doubled")
        else:
            first = min((r[0] for r in ranges), default=len(data))
            if kind == "pytorch" and rng.random() < 0.5:
                first = len(data)  # the directory is at the end
            at = rng.randrange(first)
            if kind == "pytorch" and first == len(data):
                at = rng.randrange(max(0, len(data) - 4096), len(data))
            out, form = damage(data, at, first - at, rng)
            hit_weights = len(out) == len(data) and any(
                b <= at < e and data[:b] == out[:b] and data[e:] == out[e:] for b, e in ranges)
        if out != data:
            return out, form, hit_weights


# ---- what the program says -------------------------------------------------------------------

class View:
    """What validate says of a path: a verdict, its warnings, and the table of tensors."""

    def __init__(self, path, checksum):
        done = run("validate", "--json", "--all", *(["--checksum"] if checksum else []), path)
        self.code = done.returncode
        try:
            document = json.loads(done.stdout)
        except ValueError:
            self.broken = f"exit {done.returncode}, {done.stderr.decode(errors='replace')[-300:]}"
            self.findings, self.table = [], None
            return
        # 5: what no program knows, 6: beyond a limit
        self.broken = "" if self.code in (0, 1, 5, 6) else f"exit {self.code}"
        self.findings = sorted((f["code"], f.get("where", "")) for f in document["findings"])
        if any(code.startswith("EB") for code, _ in self.findings):
            self.broken = "internal error"
        self.table = [(t["name"], t["type"], t["shape"], t["bytes"], t.get("offset"))
                      for t in document.get("tensors", [])]

    def architecture(self, path):
        done = run("inspect", "--json", path)
        document = json.loads(done.stdout) if done.returncode == 0 else {}
        return (document.get("architecture") or {}).get("name")

    def says_more_than(self, good):
        return self.code != 0 or self.findings != good.findings


def document(path):
    """What inspect prints; None when that is no JSON."""
    try:
        facts = json.loads(run("inspect", "--json", "--full", path).stdout)
    except ValueError:
        return None
    facts.pop("path")
    if path.is_dir():  # every token, as a GGUF of the vocabulary alone
        out = path.with_name(path.name + "-vocabulary.gguf")
        out.unlink(missing_ok=True)
        run("convert", "-qq", path, "-o", out, "--set", "gguf.vocab_only=true", "--no-manifest")
        facts["vocabulary"] = hashlib.sha256(out.read_bytes()).hexdigest() if out.exists() else ""
    return facts


class Model:
    """A folder or file to damage, in a worker's own copy."""

    def __init__(self, mode, name, path):
        self.mode, self.name, self.path = mode, name, path
        self.checksum = mode != "plain"
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        self.files = [(f, kind_of(f.name)) for f in files if kind_of(f.name)]
        self.good = View(path, self.checksum)
        self.ranges = weight_ranges(path, [f for f, _ in self.files])
        self.architecture = self.good.architecture(path)
        self.facts = document(path)
        if self.good.code != 0:
            raise SystemExit(f"damage.py: {path} is not valid: {self.good.findings}")

    def moved(self, worker):
        other = object.__new__(Model)
        other.__dict__.update(self.__dict__)
        copy = worker / self.mode / self.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_dir():
            shutil.copytree(self.path, copy, dirs_exist_ok=True)
            place = {f: copy / f.name for f, _ in self.files}
        else:
            shutil.copy(self.path, copy)
            place = {self.path: copy}
        other.path = copy
        other.files = [(place[f], kind) for f, kind in self.files]
        other.ranges = {place[f]: r for f, r in self.ranges.items()}
        other.good = View(copy, self.checksum)
        return other

    def trial(self, rng):
        """(kind, region, outcome, complaint)"""
        file, kind = rng.choice(self.files)
        good = file.read_bytes()
        bad, form, hit_weights = choose(file, kind, self.ranges[file], rng)
        region = "weights" if hit_weights else "structure"
        try:
            file.write_bytes(bad)
            outcome, complaint = self.judge(hit_weights)
            if complaint:
                at = next((i for i, (a, b) in enumerate(zip(good, bad)) if a != b), len(good))
                complaint = (f"{self.mode} {self.name}/{file.name}: {form} at {at} "
                             f"({good[at:at + 8]!r} -> {bad[at:at + 8]!r}): {complaint}")
        finally:
            file.write_bytes(good)
        return kind, region, outcome, complaint

    def judge(self, hit_weights):
        seen = View(self.path, self.checksum)
        if seen.broken:
            return "broken", seen.broken
        if seen.says_more_than(self.good):
            return ("refused" if seen.code else "warned"), ""
        if self.mode == "manifest":
            return "silent", "not found by the manifest"
        if hit_weights:
            return "silent", "not found by the tensor sums" if self.mode == "sums" else ""
        if seen.table != self.good.table:
            # Without a config nothing says what the tensors of a safetensors file are called.
            bare = self.path.suffix == ".safetensors"
            if bare and [r[1:] for r in seen.table] == [r[1:] for r in self.good.table]:
                return "value", ""
            return "silent", "other tensors without a word"
        architecture = seen.architecture(self.path)
        if architecture != self.architecture:
            # A family that nobody knows is valid as a file; what needs to know it has to refuse.
            to = "gguf" if self.path.is_dir() else "hf"
            if not architecture and run("convert", "-n", "-t", to, self.path).returncode in (4, 5):
                return "refused", ""
            return "silent", "another architecture without a word"
        facts = document(self.path)
        if facts is None:
            return "broken", "inspect prints no JSON"
        return ("same" if facts == self.facts else "value"), ""


# ---- the models ------------------------------------------------------------------------------

def prepare(work):
    refs = pathlib.Path(SHARED) / "refs"
    models = []
    for name in FOLDERS + TORCH_FOLDERS:
        folder = work / "plain" / name
        folder.mkdir(parents=True)
        for file in (refs / name).iterdir():
            if file.name.startswith(("logits", "reference")):
                continue
            (folder / file.name).write_bytes(file.read_bytes())
        models.append(Model("plain", name, folder))
        gguf = next((f for f in sorted((refs / name).glob("reference*.gguf"))), None)
        if gguf:
            copy = work / "plain" / f"{name}.gguf"
            copy.write_bytes(gguf.read_bytes())
            models.append(Model("plain", copy.name, copy))
    def converted(mode, name, out, *options):
        target = work / mode / out
        target.parent.mkdir(parents=True, exist_ok=True)
        done = run("convert", "-qq", work / "plain" / name, "-o", target, *options)
        if done.returncode != 0:
            raise SystemExit(f"damage.py: {done.stderr.decode()}")
        models.append(Model(mode, out, target))
    for name in ["llama", "qwen2", "gpt2", "mixtral"]:
        converted("sums", name, f"{name}.gguf", "--tensor-sums", "--no-manifest")
        converted("sums", name, f"{name}.safetensors", "--tensor-sums", "--no-manifest")
        converted("manifest", name, f"{name}-hf", "-t", "hf", "--checksum", "--dtype", "f16")
        converted("manifest", name, f"{name}.gguf", "-t", "gguf", "--checksum")
    return models


def work_off(models, seed, runs, worker):
    rng = random.Random(seed)
    own = {mode: [m.moved(worker) for m in models if m.mode == mode]
           for mode in ("plain", "sums", "manifest")}
    for model in own["manifest"]:
        if model.path.is_file():  # its manifest stands beside it
            source = next(m for m in models if m.mode == "manifest" and m.name == model.name)
            manifest = source.path.with_name(source.path.name + ".recast.json")
            shutil.copy(manifest, model.path.with_name(manifest.name))
            model.good = View(model.path, True)
    out = []
    for i in range(runs):
        mode = ("plain", "sums", "manifest")[i % 3]
        out.append((mode, *rng.choice(own[mode]).trial(rng)))
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if not SHARED or not pathlib.Path(SHARED, "refs").is_dir():
        print("SKIPPED: no reference models (RECAST_SHARED)")
        return 77
    with tempfile.TemporaryDirectory(prefix="recast-damage-") as folder:
        work = pathlib.Path(folder)
        models = prepare(work)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            parts = [pool.submit(work_off, models, f"{options.seed}-{j}",
                                 options.runs // options.jobs, work / f"worker{j}")
                     for j in range(options.jobs)]
            results = [row for part in parts for row in part.result()]
    table = collections.Counter((mode, region, kind, outcome)
                                for mode, kind, region, outcome, _ in results)
    outcomes = ["refused", "warned", "same", "value", "silent", "broken"]
    print(f"{'':10}{'damage to':11}{'file':30}{'runs':>6}" + "".join(f"{o:>9}" for o in outcomes))
    for mode, region, kind in sorted({key[:3] for key in table}):
        counts = [table[mode, region, kind, o] for o in outcomes]
        print(f"{mode:10}{region:11}{kind:30}{sum(counts):6}" + "".join(f"{c:9}" for c in counts))
    complaints = [row[-1] for row in results if row[-1]]
    for complaint in complaints[:20]:
        print(complaint)
    print(f"{len(results)} damages, {len(complaints)} broken promises")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

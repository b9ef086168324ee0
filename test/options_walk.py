#!/usr/bin/env python3
"""No option is swallowed (R-028): each one that acts on bytes, given for each target, changes the
output, is a warning "no effect", or is refused. A new option must get a value here.

usage: options_walk.py RECAST SOURCE_FOLDER
"""
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

TARGETS = ("gguf", "hf", "safetensors")
NOT_ALONE = {  # the options that an option needs beside it to mean anything
    "pure": ["-Q", "q4_0"],
    "embedding-type": ["-Q", "q8_0"],
    "output-type": ["-Q", "q8_0"],
    "leave-output": ["-Q", "q8_0"],
    "tensor-type": ["-Q", "q8_0"],
    "optimization": ["-Q", "q4_k_m"],
    "target-bpw": ["-Q", "auto", "--max-rmse", "0.3"],
    "target-size": ["-Q", "auto", "--max-rmse", "0.3"],
    "max-rmse": ["-Q", "auto", "--target-bpw", "6"],
    "imatrix": ["-Q", "q4_k_m"],
    "include-weights": ["-Q", "q4_k_m", "--imatrix", "IMATRIX"],
    "exclude-weights": ["-Q", "q4_k_m", "--imatrix", "IMATRIX"],
    "allow-overflow": ["--precision", "fp16"],
    "no-provenance": ["--precision", "f32"],
    "fake-weight-mode": ["--fake-weight"],
    "fake-weight-config": ["--fake-weight"],
    "seed": ["--fake-weight", "--fake-weight-mode", "random"],
}
EVERYWHERE = {"allow-overflow", "no-provenance", "fake-weight-mode", "fake-weight-config", "seed"}  # ... with any target; the others speak of GGUF only
SAME_BYTES = {  # where the given value may rightly give the bytes of the default
    "to", "from", "allow-overflow", "allow-nonfinite", "allow-requantize", "preserve-metadata",
    "model-type", "shard-size",
}


def write_imatrix(path):
    """Rising importance for two matrices of the model."""
    names = ("blk.0.attn_q.weight", "blk.1.attn_q.weight")
    with open(path, "wb") as out:
        out.write(struct.pack("<i", len(names)))
        for name in names:
            out.write(struct.pack("<i", len(name)) + name.encode())
            out.write(struct.pack("<ii256f", 1, 256, *range(1, 257)))


def values(folder, source):
    config = folder / "config.json"
    config.write_text('{"rms_norm_eps": 0.5}')
    shapes = folder / "shapes.yaml"
    shapes.write_text("lm_head.weight: [2056, 256]\n")
    write_imatrix(folder / "ramp.dat")
    return {
        "to": None, "from": "hf", "quant": "q8_0", "precision": "f16", "pure": "",
        "embedding-type": "f16", "output-type": "f16", "leave-output": "", "allow-requantize": "",
        "allow-overflow": "clamp", "allow-nonfinite": "", "allow-unsafe-pickle": "",
        "model-type": "mistral",
        "model-config": str(config), "tokenizer": str(source), "no-tokenizer": "", "pre": "default",
        "context-length": "77", "rope-scaling": "linear:2", "preserve-metadata": "",
        "no-preserve-metadata": "", "metadata": "general.author=Ada",
        "format-option": "gguf.alignment=64", "no-provenance": "", "tensor-sums": "",
        "split": "tensors:9", "split-max-size": "3MB", "shard-size": "3MB",
        "fake-weight": "", "fake-weight-mode": "random", "fake-weight-config": str(shapes),
        "seed": "7", "text-only": "", "keep-optimizer": "", "prune-layers": "1", "keep-split": "",
        "tensor-type": "ffn_down=f16", "imatrix": str(folder / "ramp.dat"),
        "optimization": "fast", "target-bpw": "5", "target-size": "3MB", "max-rmse": "0.05",
        "include-weights": "blk.0.attn_q", "exclude-weights": "blk.0.attn_q",
    }


def run(recast, source, folder, target, words):
    """Exit code, warning codes, and a digest over the names and bytes of what was written."""
    out = folder / {"gguf": "out.gguf", "hf": "out", "safetensors": "out.safetensors"}[target]
    done = subprocess.run(
        [recast, "convert", source, "-o", out, "-t", target, "--no-manifest", "--json", *words],
        capture_output=True, text=True)
    if done.returncode:
        return done.returncode, [], None
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return 0, [w["code"] for w in json.loads(done.stdout)["warnings"]], digest.hexdigest()


def main():
    recast, source = sys.argv[1], pathlib.Path(sys.argv[2])
    table = json.loads(subprocess.run([recast, "list", "options", "--json"], check=True,
                                      capture_output=True, text=True).stdout)
    wrong, walked = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        given = values(pathlib.Path(scratch), source)
        for row in table:
            name = row["option"]
            if not row["acts_on_bytes"]:
                continue
            if name not in given:
                wrong.append(f"--{name} has no value in this test")
                continue
            if given[name] is None:
                continue
            for target in TARGETS:
                walked += 1
                needs = NOT_ALONE.get(name, [])
                beside = needs if target == "gguf" or name in EVERYWHERE else []
                beside = [given["imatrix"] if w == "IMATRIX" else w for w in beside]
                words = [f"--{name}"] + ([given[name]] if given[name] else [])
                if name == "allow-overflow":
                    words = [f"--{name}={given[name]}"]
                with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
                    plain = run(recast, source, pathlib.Path(a), target, beside)
                    asked = run(recast, source, pathlib.Path(b), target, beside + words)
                told = asked[0] in (2, 5) or "WC006" in asked[1]
                if asked[0] not in (0, 2, 5):
                    wrong.append(f"--{name} to {target}: exit {asked[0]}")
                elif not told and asked[2] == plain[2] and name not in SAME_BYTES:
                    wrong.append(f"--{name} to {target}: neither acts nor says that it does not")
    print(f"{walked} pairs of option and target walked")
    for line in wrong:
        print("FAIL", line)
    return 1 if wrong else 0


sys.exit(main())

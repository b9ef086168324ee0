#!/usr/bin/env python3
"""Compares our tokenizer of model folders with the keys that llama.cpp's own converter wrote.

  tokenizer_keys.py DUMP [FOLDER]...    DUMP: the program vocabulary_dump; FOLDER holds reference.gguf;
                                        default: every such folder of $RECAST_SHARED/refs

Needs the Python package gguf. Prints one line a folder; exit 0: no difference, 1: some, 77: no gguf.
"""
import glob
import json
import os
import subprocess
import sys

try:
    from gguf import GGUFReader
except ImportError:
    sys.exit(77)

PREFIX = "tokenizer.ggml."
# Names of one behaviour: any of them is right (the runtime treats them alike).
SAME_PRE = [{"gpt-2", "olmo", "phi-2", "modern-bert"}, {"gpt-4o", "llama4"}, {"llama-bpe"},
            {"dbrx", "smaug-bpe"}, {"starcoder", "refact"}, {"command-r", "smollm"}]
# Where the reference is known to be wrong or its value has no effect; the reason stands beside.
EXEMPT = {
    ("exaone4", "pre"): "the reference's name was forced; its stages are those of gpt-4o",
    ("exaone4-hybrid", "pre"): "the same",
    ("gemma", "eot_token_id"): "a fixed number, a byte token in this vocabulary",
    ("nemotron", "unknown_token_id"): "a fixed number",
    ("nemotron", "padding_token_id"): "a fixed number",
}
KIND_EXEMPT = {"gpt2": {"add_space_prefix"}, "bert": {"pre", "add_bos_token", "add_eos_token", "add_sep_token"},
               "llama": {"pre"}, "t5": {"pre"}}


def reference(path):
    keys = {}
    for name, field in GGUFReader(path).fields.items():
        if name.startswith("tokenizer."):
            value = field.contents()
            keys[name.removeprefix(PREFIX).removeprefix("tokenizer.")] = value
    return keys


def ours(dump, folder):
    run = subprocess.run([dump, folder], capture_output=True, text=True)
    if run.returncode:
        return None, run.stderr.strip()
    d = json.loads(run.stdout)
    keys = {k: d[k] for k in ("model", "pre", "tokens", "token_type", "scores", "chat_template",
                              "token_type_count") if k in d}
    if d["merges"] or d["model"] == "gpt2":
        keys["merges"] = d["merges"]
    keys.update({role + "_token_id": v for role, v in d["ids"].items()})
    keys.update(d["flags"])
    for name, text in d["named_templates"].items():
        keys["chat_template." + name] = text
    if d["charsmap_bytes"]:
        keys["precompiled_charsmap"] = d["charsmap_bytes"]
    return keys, ""


def differences(case, ref, got):
    out = []
    for key in sorted(set(ref) | set(got)):
        a, b = ref.get(key), got.get(key)
        if key == "precompiled_charsmap" and a is not None:
            a = len(a)
        if a == b or key in KIND_EXEMPT.get(ref["model"], ()) or (case, key) in EXEMPT:
            continue
        if key == "pre" and any(a in row and b in row for row in SAME_PRE):
            continue
        if isinstance(a, list) and isinstance(b, list):
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            out.append(f"{key}[{at}]: {a[at:at + 1]} here {b[at:at + 1]} (lengths {len(a)}, {len(b)})")
        else:
            out.append(f"{key}: {str(a)[:60]!r} here {str(b)[:60]!r}")
    return out


def main(dump, folders):
    bad = 0
    for folder in folders:
        case = folder.rstrip("/").split("/")[-1]
        got, error = ours(dump, folder)
        diff = [error] if got is None else differences(case, reference(folder + "/reference.gguf"), got)
        bad += bool(diff)
        print(f"{'DIFFERS' if diff else 'equal':8}{case}" + "".join("\n    " + d for d in diff))
    print(f"{len(folders) - bad} of {len(folders)} equal")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    every = glob.glob(os.environ.get("RECAST_SHARED", "") + "/refs/*/reference.gguf")
    sys.exit(main(sys.argv[1], sys.argv[2:] or sorted(map(os.path.dirname, every))))

"""Kills conversions with SIGKILL at random moments and starts them again.

usage: RECAST=PROGRAM kill.py [--runs N] [--mib SIZE] [--seed N] [--folder DIR]

N runs (60), a third each with one file, a split set and a folder of shards, of SIZE MiB (20). After
every kill the final names are absent or whole; the same command then ends with the bytes of an
unbroken run, and nothing else is left in the folder.
"""

import argparse
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from common import PROGRAM, tree

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("RECAST_")}

KINDS = {
    "one file": ["-o", "out/m.safetensors"],
    "split set": ["-o", "out/m.gguf", "--no-tokenizer", "--split", "tensors:7"],
    "shards": ["-o", "out/m", "-t", "hf", "--shard-size"],
}


def write_source(folder, mib):
    """A llama without tokenizer whose matrices add up to about `mib` MiB of f32."""
    hidden, layers = 256, 2
    rows = max(256, mib * (1 << 20) // 4 // hidden // (3 * layers + 1) // 32 * 32)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
              "intermediate_size": rows, "num_hidden_layers": layers, "num_attention_heads": 4,
              "num_key_value_heads": 4, "vocab_size": rows, "tie_word_embeddings": True,
              "rms_norm_eps": 1e-5, "max_position_embeddings": 512, "torch_dtype": "float32"}
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file)
    shapes = {"model.embed_tokens.weight": (rows, hidden), "model.norm.weight": (hidden,)}
    for i in range(layers):
        layer = f"model.layers.{i}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{layer}{name}.weight"] = (hidden,)
        for name in ("q", "k", "v", "o"):
            shapes[f"{layer}self_attn.{name}_proj.weight"] = (hidden, hidden)
        shapes[f"{layer}mlp.gate_proj.weight"] = shapes[f"{layer}mlp.up_proj.weight"] = (rows, hidden)
        shapes[f"{layer}mlp.down_proj.weight"] = (hidden, rows)
    header, at = {}, 0
    for name, shape in shapes.items():
        n = 4
        for extent in shape:
            n *= extent
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    noise = random.Random(1)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        piece = b"".join(struct.pack("<f", noise.uniform(-1, 1)) for _ in range(1 << 14))
        for start in range(0, at, len(piece)):
            turned = piece[start % 4096 // 4 * 4:] + piece[:start % 4096 // 4 * 4]
            file.write(turned[:at - start])


def start(work, arguments):
    return subprocess.Popen([PROGRAM, "convert", "source", *arguments, "--journal=1M", "-j", "2"],
                            cwd=work, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process, what):
    _, text = process.communicate()
    if process.returncode != 0:
        sys.exit(f"FAILED: {what}: exit {process.returncode}\n{text.decode()}")


def one_run(work, kind, arguments, good, seconds, chance):
    """Returns (was the first start met in the middle, did a later one resume)."""
    shutil.rmtree(os.path.join(work, "out"), ignore_errors=True)
    os.mkdir(os.path.join(work, "out"))
    met, resumed = False, False
    for _ in range(chance.choice((1, 1, 2, 3))):
        process = start(work, arguments)
        time.sleep(chance.uniform(0, seconds * 1.1))
        process.kill()
        process.communicate()
        there = tree(os.path.join(work, "out"))
        final = {k: v for k, v in there.items() if not k.startswith(".")}
        wrong = {k for k, v in final.items() if good.get(k) != v}
        if wrong:
            sys.exit(f"FAILED: {kind}: {sorted(wrong)} is neither absent nor whole")
        if kind == "shards" and final and final != good:
            sys.exit(f"FAILED: {kind}: half a folder: {sorted(final)}")
        if final == good:
            break
        met = True
        resumed = resumed or any(k.endswith(".journal") for k in there)
    process = start(work, arguments + ["--force"] if final == good else arguments)
    finish(process, kind)
    there = tree(os.path.join(work, "out"))
    if there != good:
        sys.exit(f"FAILED: {kind}: after the new start the folder differs in "
                 f"{sorted(k for k in set(there) | set(good) if there.get(k) != good.get(k))}")
    return met, resumed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--mib", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where to work; a folder on a real disk")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        os.mkdir(os.path.join(work, "source"))
        write_source(os.path.join(work, "source"), options.mib)
        total = 0
        for kind, base in KINDS.items():
            arguments = [*base, f"{max(1, options.mib // 4)}MiB"] if kind == "shards" else base
            os.mkdir(os.path.join(work, "out"))
            began = time.monotonic()
            finish(start(work, arguments), kind)
            seconds = time.monotonic() - began
            good = tree(os.path.join(work, "out"))
            runs = options.runs // len(KINDS)
            outcomes = [one_run(work, kind, arguments, good, seconds, chance) for _ in range(runs)]
            met = sum(m for m, _ in outcomes)
            print(f"{kind}: {runs} runs of {seconds:.2f} s, {met} met in the middle, "
                  f"{sum(r for _, r in outcomes)} with a journal; all ended whole", flush=True)
            total += met
            shutil.rmtree(os.path.join(work, "out"))
        if total == 0:
            sys.exit("FAILED: no run was met in the middle")


if __name__ == "__main__":
    main()

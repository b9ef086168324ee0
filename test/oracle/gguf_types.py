"""GGUF files of every block type, read by recast and by the gguf package: the same values, bit for bit.

A small Llama with random blocks is converted to a Hugging Face folder of F32; its feed-forward
matrices must hold what gguf's own dequantizer gives.

usage: test/oracle/run.sh gguf_types.py
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
from safetensors.numpy import load_file

HIDDEN, FEED, VOCABULARY = 256, 512, 32
NAMES = ("Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS IQ3_XXS IQ3_S IQ2_XXS IQ2_XS "
         "IQ2_S IQ1_S IQ1_M TQ1_0 TQ2_0 MXFP4 NVFP4").split()


def random_blocks(kind, rows, columns, rng):
    """Random bytes of which every block decodes to finite values."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)
    while True:
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(raw, kind)
        bad = ~np.isfinite(values).all(axis=1)
        if not bad.any():
            return raw.reshape(rows, -1)
        raw[bad] = rng.integers(0, 256, (bad.sum(), size), dtype=np.uint8)


def write_model(path, kind, rng):
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in {"block_count": 1, "context_length": 64, "embedding_length": HIDDEN,
                       "feed_forward_length": FEED, "attention.head_count": 4,
                       "attention.head_count_kv": 4, "vocab_size": VOCABULARY}.items():
        writer.add_uint32("llama." + key, value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    floats = {"token_embd": (VOCABULARY, HIDDEN), "output": (VOCABULARY, HIDDEN),
              "output_norm": (HIDDEN,), "blk.0.attn_norm": (HIDDEN,), "blk.0.ffn_norm": (HIDDEN,)}
    for part in ("q", "k", "v", "output"):
        floats[f"blk.0.attn_{part}"] = (HIDDEN, HIDDEN)
    for name, shape in floats.items():
        writer.add_tensor(name + ".weight", np.ones(shape, np.float32))
    blocks = {}
    for part, shape in {"gate": (FEED, HIDDEN), "up": (FEED, HIDDEN), "down": (HIDDEN, FEED)}.items():
        raw = random_blocks(kind, *shape, rng)
        writer.add_tensor(f"blk.0.ffn_{part}.weight", raw, raw_dtype=kind)
        blocks[f"model.layers.0.mlp.{part}_proj.weight"] = raw
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return blocks


def check(name, folder):
    """What differs, empty when nothing does."""
    kind = gguf.GGMLQuantizationType[name]
    blocks = write_model(folder / "in.gguf", kind, np.random.default_rng(len(name)))
    done = subprocess.run([os.environ["RECAST"], "convert", folder / "in.gguf", "-o", folder / "out",
                           "-t", "hf", "--dtype", "f32", "--no-manifest", "--quiet"],
                          capture_output=True, text=True)
    if done.returncode:
        return done.stderr
    have = load_file(folder / "out" / "model.safetensors")
    for tensor, raw in blocks.items():
        want = gguf.quants.dequantize(raw, kind).astype(np.float32)
        differing = (have[tensor].view(np.uint32) != want.view(np.uint32)).sum()
        if differing and not (have[tensor] == want).all():  # zeros may differ in sign
            return f"{tensor}: {differing} values of {want.size}"
    return ""


def main():
    failed = 0
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            problem = check(name, pathlib.Path(folder))
        print(f"{name:8} {problem or 'equal'}")
        failed += bool(problem)
    sys.exit(1 if failed else 0)


main()

#!/usr/bin/env python3
"""Writes a llama-shaped Hugging Face folder of any size, with nothing but the standard library.

usage: make_model.py FOLDER [--size tiny|160m|1.1b|7b] [--gigabytes G] [--dtype bf16|f16|f32]
                     [--sparse] [--tokenizer FOLDER] [--seed N]

Weights are Gaussian, standard deviation 0.02, drawn from a table of 65536 values that is repeated
in many rotations, so that a file is written at the speed of the disk. Norms are ones. --gigabytes
takes as many layers as the weights need to reach that size. --sparse leaves the weights a hole: all
zero, and no space on the disk. --tokenizer copies the tokenizer files of that folder; the head has
more rows than it has tokens, as published models do.
"""
import argparse
import json
import math
import os
import pathlib
import random
import shutil
import struct

SIZES = {  # layers, hidden, ffn, heads, kv heads, vocabulary
    "tiny": (2, 256, 512, 8, 4, 2048),
    "160m": (12, 768, 3072, 12, 12, 32000),
    "1.1b": (22, 2048, 5632, 32, 4, 32000),
    "7b": (32, 4096, 11008, 32, 32, 32000),
}
DTYPES = {"bf16": ("BF16", 2, "bfloat16"), "f16": ("F16", 2, "float16"), "f32": ("F32", 4, "float32")}
TOKENIZER_FILES = ["tokenizer.json", "tokenizer.model", "tokenizer_config.json",
                   "special_tokens_map.json", "chat_template.jinja"]


def tensor_shapes(layers, hidden, ffn, heads, kv_heads, vocabulary):
    kv = hidden // heads * kv_heads
    yield "model.embed_tokens.weight", [vocabulary, hidden]
    for i in range(layers):
        prefix = f"model.layers.{i}."
        yield prefix + "input_layernorm.weight", [hidden]
        yield prefix + "self_attn.q_proj.weight", [hidden, hidden]
        yield prefix + "self_attn.k_proj.weight", [kv, hidden]
        yield prefix + "self_attn.v_proj.weight", [kv, hidden]
        yield prefix + "self_attn.o_proj.weight", [hidden, hidden]
        yield prefix + "post_attention_layernorm.weight", [hidden]
        yield prefix + "mlp.gate_proj.weight", [ffn, hidden]
        yield prefix + "mlp.up_proj.weight", [ffn, hidden]
        yield prefix + "mlp.down_proj.weight", [hidden, ffn]
    yield "model.norm.weight", [hidden]
    yield "lm_head.weight", [vocabulary, hidden]


def encode(values, dtype):
    if dtype == "f16":
        return struct.pack(f"<{len(values)}e", *values)
    if dtype == "f32":
        return struct.pack(f"<{len(values)}f", *values)
    bits = struct.unpack(f"<{len(values)}I", struct.pack(f"<{len(values)}f", *values))
    rounded = [(b + 0x7FFF + (b >> 16 & 1)) >> 16 for b in bits]  # to nearest even
    return struct.pack(f"<{len(values)}H", *rounded)


class Weights:
    """Endless Gaussian bytes: rotations of one table."""

    def __init__(self, dtype, width, seed):
        rng = random.Random(seed)
        table = encode([rng.gauss(0, 0.02) for _ in range(65536)], dtype)
        starts = [rng.randrange(65536) * width for _ in range(64)]
        self.block = b"".join(table[s:] + table[:s] for s in starts)
        self.starts = random.Random(seed + 1)
        self.width = width

    def write(self, out, size):
        while size > 0:
            start = self.starts.randrange(len(self.block) // self.width) * self.width
            piece = memoryview(self.block)[start:start + size]
            out.write(piece)
            size -= len(piece)


def write_weights(path, shapes, dtype, sparse, seed):
    name, width, _ = DTYPES[dtype]
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for tensor, shape in shapes:
        size = math.prod(shape) * width
        header[tensor] = {"dtype": name, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        if sparse:
            out.truncate(8 + len(text) + offset)
            return offset
        weights = Weights(dtype, width, seed)
        one = encode([1.0], dtype)
        for tensor, shape in shapes:
            size = math.prod(shape) * width
            if len(shape) == 1:
                out.write(one * shape[0])
            else:
                weights.write(out, size)
    return offset


def config_of(layers, hidden, ffn, heads, kv_heads, vocabulary, dtype):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "bos_token_id": 1,
        "eos_token_id": 2, "hidden_act": "silu", "hidden_size": hidden, "intermediate_size": ffn,
        "max_position_embeddings": 2048, "num_attention_heads": heads, "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "torch_dtype": DTYPES[dtype][2], "vocab_size": vocabulary,
    }


def with_layers(dims, dtype, gigabytes):
    width = DTYPES[dtype][1]
    def size(layers):
        return sum(math.prod(s) for _, s in tensor_shapes(layers, *dims[1:])) * width
    per_layer = size(1) - size(0)
    return (max(1, math.ceil((gigabytes * 1e9 - size(0)) / per_layer)), *dims[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--size", choices=SIZES, default="1.1b")
    parser.add_argument("--gigabytes", type=float)
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--sparse", action="store_true")
    parser.add_argument("--tokenizer", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    dims = SIZES[args.size]
    if args.gigabytes:
        dims = with_layers(dims, args.dtype, args.gigabytes)
    args.folder.mkdir(parents=True, exist_ok=True)
    (args.folder / "config.json").write_text(json.dumps(config_of(*dims, args.dtype), indent=2) + "\n")
    for file in TOKENIZER_FILES if args.tokenizer else []:
        if (args.tokenizer / file).exists():
            shutil.copyfile(args.tokenizer / file, args.folder / file)
    shapes = list(tensor_shapes(*dims))
    size = write_weights(args.folder / "model.safetensors", shapes, args.dtype, args.sparse, args.seed)
    parameters = sum(math.prod(shape) for _, shape in shapes)
    print(f"{args.folder}: {len(shapes)} tensors, {parameters / 1e9:.2f} billion parameters, "
          f"{size / 1e9:.2f} GB{' (a hole)' if args.sparse else ''}")


if __name__ == "__main__":
    main()

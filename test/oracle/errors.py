"""recast inspect --errors against numbers that the gguf package and numpy compute.

bard: per-tensor relative RMSE, cosine, largest error and the error by importance of llama.cpp's own
Q4_K_M, Q8_0 against the floats. families: every reference GGUF holds the values of its checkpoint,
whatever was fused, stacked, transposed or permuted on the way.

usage: test/oracle/run.sh errors.py [CHECK]...
"""
import json
import sys

import gguf
import numpy as np
from gguf import quants
from safetensors.numpy import load_file

import peers
from peers import Differs

MODELS = peers.SHARED / "models"
EXPECTED = MODELS / "bard-expected"
# What a rule of an architecture computes in f32 (1 + w, -exp(w)) is rounded once.
ROUNDED = 1e-7


def errors(reference, compared, *options):
    return json.loads(peers.recast("inspect", "--errors", reference, compared, "--json", *options))


def floats():
    """The checkpoint in llama.cpp's layout: rotary heads interleaved."""
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm"}
    config = peers.read_json(MODELS / "bard/config.json")
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    out = {}
    for name, values in load_file(MODELS / "bard/model.safetensors").items():
        stem = name.removesuffix(".weight")
        if stem in names:
            out[names[stem] + ".weight"] = values
            continue
        layer, part = stem.removeprefix("model.layers.").split(".", 1)
        role = parts[part]
        if role in heads:
            rows, columns = values.shape
            values = (values.reshape(heads[role], 2, rows // heads[role] // 2, columns)
                      .swapaxes(1, 2).reshape(rows, columns))
        out[f"blk.{layer}.{role}.weight"] = values
    return out


def importance():
    tensors = {t.name: np.array(t.data, np.float64)
               for t in gguf.GGUFReader(EXPECTED / "bard.imatrix.gguf").tensors}
    return {name.removesuffix(".in_sum2"): values.ravel() / tensors[name[:-7] + "counts"].ravel()[0]
            for name, values in tensors.items() if name.endswith(".in_sum2")}


def wanted(a, b, weights):
    a, b = a.astype(np.float64), b.astype(np.float64).reshape(a.shape)
    found = {"relative_rmse": np.sqrt(((a - b) ** 2).sum() / (a ** 2).sum()),
             "max_abs_error": np.abs(a - b).max(),
             "cosine": (a * b).sum() / np.sqrt((a ** 2).sum() * (b ** 2).sum())}
    if weights is not None:
        found["weighted_relative_rmse"] = np.sqrt((weights * (a - b) ** 2).sum()
                                                  / (weights * a ** 2).sum())
    return found


def bard(kind):
    path = EXPECTED / f"bard-{kind}.gguf"
    rows = {row["name"]: row for row in
            errors(MODELS / "bard", path, "--imatrix", EXPECTED / "bard.imatrix.gguf")["tensors"]}
    source, weights = floats(), importance()
    tensors = gguf.GGUFReader(path).tensors
    if {t.name for t in tensors} != rows.keys() or len(rows) != 39 or len(weights) < 20:
        raise Differs(f"{len(rows)} tensors, {len(weights)} with importance")
    for t in tensors:
        values = quants.dequantize(t.data, t.tensor_type)
        for key, value in wanted(source[t.name], values, weights.get(t.name)).items():
            # Importance is f32 there.
            if abs(rows[t.name][key] - value) > (1e-6 if "weighted" in key else 1e-9) * abs(value):
                raise Differs(f"{t.name} {key} is {rows[t.name][key]}, numpy says {value}")


def family(case):
    found = errors(case, case / "reference.gguf")
    if found["paired_by"] != "role" or not found["total"]["relative_rmse"] <= ROUNDED:
        raise Differs(f"by {found['paired_by']}: {found['total']}")
    if found["shape_differs"] or found["not_comparable"]:
        raise Differs(f"{found['shape_differs']} {found['not_comparable']}")
    back = errors(case / "reference.gguf", case)
    if back["total"]["tensors"] != found["total"]["tensors"]:
        raise Differs("another number of pairs the other way round")


def main(chosen):
    checks = {f"bard-{kind}": (bard, kind) for kind in ("q8_0", "q4_k_m")}
    cases = [path.parent for path in sorted((peers.SHARED / "refs").glob("*/reference.gguf"))]
    checks |= {case.name: (family, case) for case in cases}
    if len(cases) < 60:
        print(f"only {len(cases)} reference files")
        return 1
    failed = 0
    for name, (check, argument) in checks.items():
        if chosen and name not in chosen:
            continue
        try:
            check(argument)
            print(f"ok      {name}")
        except Differs as difference:
            failed += 1
            print(f"DIFFERS {name}: {difference}")
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))

"""Types chosen by Recast against the recipes of the same size, by numbers that Recast does not
compute: weighted errors from the gguf package's dequantizer (over all matrices, and as a mean of the
matrices, which is only printed), KL of the logits by llama.cpp on held-out text.

usage: test/oracle/run.sh auto_types.py [RECIPE]...
"""
import pathlib
import sys
import tempfile

import gguf
import numpy as np
from sentencepiece import SentencePieceProcessor

import peers
from peers import Differs

MODELS = peers.SHARED / "models"
EXPECTED = MODELS / "bard-expected"
MATRIX = EXPECTED / "bard.imatrix.gguf"
RECIPES = ["q2_k", "q3_k_m", "q4_k_m", "q5_k_m", "q6_k", "iq2_xs", "iq3_s", "iq4_xs"]
CHUNK = 256


def values(path):
    return {t.name: gguf.dequantize(t.data, t.tensor_type).astype(np.float64)
            .reshape(-1, int(t.shape[0])) for t in gguf.GGUFReader(path).tensors
            if len(t.shape) > 1}


def importance():
    data = {t.name: t.data for t in gguf.GGUFReader(MATRIX).tensors}
    return {name[:-8]: (data[name] / data[name[:-8] + ".counts"]).astype(np.float64).reshape(-1)
            for name in data if name.endswith(".in_sum2")}


def errors(reference, other, weights):
    """Mean over the matrices of the relative weighted squared error, and its value over all."""
    relative, lost, size = [], 0.0, 0.0
    for name, a in reference.items():
        w = weights.get(name, np.ones(a.shape[1]))
        error, power = (w * (a - other[name]) ** 2).sum(), (w * a ** 2).sum()
        relative.append(error / power)
        lost, size = lost + error, size + power
    return np.sqrt(np.mean(relative)), np.sqrt(lost / size)


def probabilities(path, chunks):
    out = []
    for ids in chunks:
        logits = peers.llama_logits(path, ids).astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        out.append(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))
    return np.concatenate(out)


def divergence(p, q):
    """Mean KL over the tokens, and its standard error."""
    kl = (np.exp(p) * (p - q)).sum(axis=-1)
    return kl.mean(), kl.std() / np.sqrt(len(kl))


def main():
    recipes = sys.argv[1:] or RECIPES
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        full = peers.convert(MODELS / "bard", folder / "f32.gguf", "-Q", "f32")
        text = (EXPECTED / "validation.txt").read_text()
        ids = SentencePieceProcessor(model_file=str(MODELS / "bard/tokenizer.model")).encode(text)
        chunks = [[1] + ids[i:i + CHUNK - 1] for i in range(0, len(ids), CHUNK - 1)]
        base, weights, p = values(full), importance(), probabilities(full, chunks)
        for recipe in recipes:
            row = {}
            theirs = peers.convert(MODELS / "bard", folder / f"{recipe}.gguf", "-Q", recipe,
                                   "--imatrix", MATRIX, "--no-provenance")
            size = theirs.stat().st_size
            ours = peers.convert(MODELS / "bard", folder / f"auto-{recipe}.gguf", "-Q", "auto",
                                 "--target-size", str(size), "--imatrix", MATRIX, "--no-provenance")
            for name, path in ((recipe, theirs), ("auto", ours)):
                row[name] = (*errors(base, values(path), weights),
                             *divergence(p, probabilities(path, chunks)))
                print(f"{name:8} {path.stat().st_size:>9}  mean {row[name][0]:.5f}  "
                      f"over all {row[name][1]:.5f}  KL {row[name][2]:.5f} +- {row[name][3]:.5f}",
                      flush=True)
            if not 0.99 * size <= ours.stat().st_size <= size:
                wrong.append(f"{recipe}: {ours.stat().st_size} of {size} bytes")
            for i, what in ((1, "weighted error over all"), (2, "KL")):
                if row["auto"][i] > row[recipe][i]:
                    wrong.append(f"{recipe}: {what} {row['auto'][i]:.5f} above {row[recipe][i]:.5f}")
    peers.fail_with(wrong)


try:
    main()
except Differs as error:
    print("FAIL", error)
    sys.exit(1)

"""Quantized GGUF against llama.cpp's quantizer: the type of each tensor for every file type on
models of several shapes, and the bytes of the trained model bard with and without importance
matrices.

usage: test/oracle/run.sh recipes.py [CHECK]...    a name, or the word that names begin with
"""
import functools
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import gguf
import numpy as np

import peers
from peers import Differs

sys.path.insert(0, str(peers.ROOT / "test"))
import gguf_data  # noqa: E402  the gguf package does not know Q2_0

EXPECTED = peers.SHARED / "models/bard-expected"
# llama.h's numbers of file types
NUMBERS = {"q8_0": 7, "q4_0": 2, "q4_1": 3, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q2_k_s": 21,
           "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13, "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16,
           "q5_k_m": 17, "q6_k": 18, "iq1_s": 24, "iq1_m": 31, "iq2_xxs": 19, "iq2_xs": 20,
           "iq2_s": 28, "iq2_m": 29, "iq3_xxs": 23, "iq3_xs": 22, "iq3_s": 26, "iq3_m": 27,
           "iq4_nl": 25, "iq4_xs": 30, "tq1_0": 36, "tq2_0": 37, "mxfp4_moe": 38, "nvfp4": 39,
           "q1_0": 40, "q2_0": 41, "f16": 1, "bf16": 32}
# ggml's names of its types' numbers
TYPES = {**{t.value: t.name for t in gguf.GGMLQuantizationType}, 42: "Q2_0"}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
         "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
         "vocab_size": 320, "tie_word_embeddings": False}


def llama(layers, hidden, ffn, heads, kv_heads, **more):
    return {**LLAMA, "num_hidden_layers": layers, "hidden_size": hidden, "intermediate_size": ffn,
            "num_attention_heads": heads, "num_key_value_heads": kv_heads, **more}


def mixtral(experts, layers=10):
    return {**llama(layers, 256, 512, 8, 2), "architectures": ["MixtralForCausalLM"],
            "model_type": "mixtral", "num_local_experts": experts, "num_experts_per_tok": 2}


# Shapes that the rules ask about.
MODELS = {
    "dense": llama(22, 512, 768, 16, 16),
    "grouped": llama(18, 512, 768, 16, 4),
    "tied": llama(16, 256, 512, 8, 8, tie_word_embeddings=True),
    "70b": llama(80, 512, 768, 16, 2),
    "80-layers-of-single-heads": llama(80, 256, 256, 4, 4),
    "rows-of-640": llama(12, 640, 1760, 10, 5),
    "rows-of-96": llama(9, 96, 352, 3, 3),
    "rows-of-33": llama(9, 256, 33, 4, 4),
    "eight-experts": mixtral(8),
    "four-experts": mixtral(4),
    "shared-experts": {
        **llama(9, 256, 512, 8, 8), "architectures": ["Qwen2MoeForCausalLM"],
        "model_type": "qwen2_moe", "num_experts": 8, "num_experts_per_tok": 2,
        "moe_intermediate_size": 256, "shared_expert_intermediate_size": 512,
        "decoder_sparse_step": 1, "norm_topk_prob": False},
    "qwen2-72b": {**llama(80, 512, 768, 16, 16), "architectures": ["Qwen2ForCausalLM"],
                  "model_type": "qwen2"},
    "falcon": {"architectures": ["FalconForCausalLM"], "model_type": "falcon", "hidden_size": 512,
               "num_hidden_layers": 32, "num_attention_heads": 8, "vocab_size": 320,
               "multi_query": True, "parallel_attn": True, "bias": False, "alibi": False,
               "new_decoder_architecture": False, "layer_norm_epsilon": 1e-5},
}


def planned(*words):
    """Exit code of a conversion that is only planned."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RECAST")}
    return subprocess.run([peers.RECAST, "convert", *map(str, words), "-n", "-qq"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=environment).returncode


def write_dat(path, entries):
    """The older form of importance matrices, of values that are divided already."""
    with open(path, "wb") as out:
        out.write(struct.pack("<i", len(entries)))
        for name, values in entries.items():
            text = name.encode()
            out.write(struct.pack("<i", len(text)) + text + struct.pack("<ii", 0, values.size))
            out.write(np.ascontiguousarray(values, "<f4").tobytes())
    return path


def divided(matrix):
    """{name: values} of an importance matrix in GGUF as llama.cpp divides it."""
    tensors = {t.name: np.array(t.data) for t in gguf.GGUFReader(matrix).tensors}
    out = {}
    for name, sums in tensors.items():
        if name.endswith(".in_sum2"):
            stem = name.removesuffix(".in_sum2")
            counts = tensors[stem + ".counts"].reshape(-1, 1).astype("f4")
            rows = sums.reshape(len(counts), -1).astype("f4")
            out[stem] = np.where(counts > 0, rows / np.where(counts > 0, counts, 1), 1).astype("f4")
    return out


def peer_quantize(*words, **kwargs):
    program = peers.built(pathlib.Path(__file__).with_name("llama_quantize.cpp"))
    done = subprocess.run([program, peers.LLAMA, *map(str, words)], capture_output=True, text=True,
                          errors="replace", **kwargs)
    return done.returncode, done.stderr


TENSOR = re.compile(r"\[ *\d+/ *\d+\] (\S+) .*?size = +\S+ MiB(?: -> .*\((\w+)\))?")


def peer_types(log):
    """{file type number: (needs a matrix, {name: type or None})} of a dry run."""
    out, now = {}, None
    for line in log.splitlines():
        if line.startswith("file type "):
            now = out[int(line.split()[2])] = [False, {}]
        elif "will require an imatrix" in line:
            now[0] = True
        elif match := TENSOR.match(line):
            now[1][match[1]] = match[2] and match[2].upper()
    return out


class Shape:
    """A model of no values: its GGUF is a hole."""

    def __init__(self, name, folder):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        source = self.folder / "hf"
        source.mkdir()
        (source / "config.json").write_text(json.dumps(MODELS[name]))
        self.model = peers.convert(source, self.folder / "m.gguf", "--fake-weight",
                                   "--no-tokenizer", "--precision", "f32")
        self.own = {t.name: t for t in gguf.GGUFReader(self.model).tensors}
        ones = {n: np.ones(int(t.shape[0]) * (int(t.shape[2]) if len(t.shape) > 2 else 1), "f4")
                for n, t in self.own.items() if len(t.shape) > 1 and n.startswith("blk.")}
        self.imatrix = write_dat(self.folder / "ones.dat", ones)

    def ours(self, kind, *words):
        """Types of zeros, which no type refuses, and whether real weights would be refused."""
        path = peers.convert(self.folder / "hf", self.folder / "out.gguf", "--fake-weight",
                             "--no-tokenizer", "-Q", kind, *words)
        code = planned(self.model, "-o", self.folder / "x.gguf", "-Q", kind, *words)
        return code, {name: TYPES[kind] for name, _, kind, _ in gguf_data.table(path)[0]}

    def compare(self, with_imatrix):
        types = ",".join(str(n) for n in NUMBERS.values())
        words = ["dry"] + ([f"imatrix={self.imatrix}"] if with_imatrix else [])
        theirs = peer_types(peer_quantize(self.model, self.folder / "x.gguf", types, *words)[1])
        wrong, same, refused, unsaid = [], 0, 0, 0
        for kind, number in NUMBERS.items():
            needs, want = theirs[number]
            code, have = self.ours(kind, *(["--imatrix", self.imatrix] if with_imatrix else []))
            if len(want) < len(self.own):  # the peer stopped: a row that its table has no type for
                unsaid += 1
                continue
            refused += needs
            if code != (2 if needs else 0):
                wrong.append(f"{kind}: exit {code}, a matrix is needed: {needs}")
            for name, kept in self.own.items():
                expected = want[name] or kept.tensor_type.name
                if have[name] != expected:
                    wrong.append(f"{kind}: {name} is {have[name]}, expected {expected}")
                same += 1
        peers.fail_with(wrong)
        return f"{same} decisions, {refused} types refused, {unsaid} not said by the peer"


def decisions(name):
    with tempfile.TemporaryDirectory() as folder:
        shape = Shape(name, folder)
        return f"{shape.compare(False)}; with a matrix {shape.compare(True)}"


class Bard:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.model = peers.convert(peers.SHARED / "models/bard", self.folder / "f32.gguf",
                                   "--precision", "f32", "--no-provenance")

    def expected(self, case, matrix=None):
        kind = case.removesuffix("-imatrix").removesuffix("-quantize")
        options = ["--imatrix", EXPECTED / matrix] if matrix else []
        path = peers.convert(self.model, self.folder / "out.gguf", "-Q", kind, "--no-provenance",
                             "--verify", "tensors", *options)
        want = peers.read_json(EXPECTED / f"tensors-{case}.json")
        peers.compare_tensors(peers.gguf_tensors(path), {t["name"]: t for t in want["tensors"]})
        keys = {k: v[1] for k, v in peers.gguf_keys(path).items()}
        named = {"quantize.imatrix.file": matrix} if matrix else {}
        for key, value in {**want["metadata"], **named}.items():
            if key.startswith(("general.file_type", "general.quantization_version", "quantize.")):
                if keys.get(key) != value:
                    raise Differs(f"{key} is {keys.get(key)!r}, expected {value!r}")

    def whole_file(self, kind, *words):
        """Every byte, keys and their order too. Words: of the peer and ours in pairs."""
        theirs, ours = self.folder / "theirs.gguf", self.folder / "ours.gguf"
        code, log = peer_quantize(self.model, theirs, NUMBERS[kind], *[w[0] for w in words])
        if code:
            raise Differs(log.strip()[-500:])
        peers.convert(self.model, ours, "-Q", kind, "--no-provenance",
                      *[w for pair in words for w in pair[1]])
        if theirs.read_bytes() != ours.read_bytes():
            peers.compare_tensors(peers.gguf_tensors(ours), peers.gguf_tensors(theirs))
            raise Differs("the tensors are equal, the files are not")

    def kept_split(self):
        """Each part of a split model, every byte."""
        peers.recast("convert", self.model, "-o", self.folder / "parts.gguf", "--split", "size:3M",
                     "--no-manifest", "--no-provenance")
        parts = sorted(self.folder.glob("parts-*.gguf"))
        code, log = peer_quantize(parts[0], self.folder / "theirs", NUMBERS["q4_k_m"], "keep")
        if code:
            raise Differs(log.strip()[-500:])
        peers.recast("convert", parts[0], "-o", self.folder / "ours.gguf", "-Q", "q4_k_m",
                     "--keep-split", "--no-manifest", "--no-provenance")
        for part in parts:
            have, want = (self.folder / part.name.replace("parts", side)
                          for side in ("ours", "theirs"))
            if have.read_bytes() != want.read_bytes():
                raise Differs(f"{part.name} differs")
        return f"{len(parts)} parts"

    def weighted(self, kind):
        """The whole file by a matrix that llama.cpp gets divided, with the keys that llama-quantize
        adds: every type that knows importance."""
        matrix = EXPECTED / "bard.imatrix.gguf"
        dat = write_dat(self.folder / "divided.dat", divided(matrix))
        theirs = self.folder / "theirs.gguf"
        facts = {k: v[1] for k, v in peers.gguf_keys(matrix).items()}
        entries = sum(name.endswith(".in_sum2") for name in peers.gguf_tensors(matrix))
        keys = [f"text=quantize.imatrix.file={matrix.name}",
                f"text=quantize.imatrix.dataset={facts['imatrix.datasets'][0]}",
                f"number=quantize.imatrix.entries_count={entries}",
                f"number=quantize.imatrix.chunks_count={facts['imatrix.chunk_count']}"]
        code, log = peer_quantize(self.model, theirs, NUMBERS[kind], f"imatrix={dat}", *keys)
        if code:
            raise Differs(log.strip()[-500:])
        ours = peers.convert(self.model, self.folder / "ours.gguf", "-Q", kind, "--imatrix", matrix,
                             "--no-provenance")
        if theirs.read_bytes() != ours.read_bytes():
            peers.compare_tensors(peers.gguf_tensors(ours), peers.gguf_tensors(theirs))
            raise Differs("the tensors are equal, the files are not")


def main(wanted):
    with tempfile.TemporaryDirectory() as folder:
        bard = Bard(folder)
        checks = {f"types-{name}": functools.partial(decisions, name) for name in MODELS}
        for path in sorted(EXPECTED.glob("tensors-*.json")):
            case = path.stem.removeprefix("tensors-")
            if case in ("f32", "f16", "bf16", "q8_0"):
                continue  # of the converter: bard.py
            matrices = ("bard.imatrix.gguf", "bard.imatrix.dat") if "imatrix" in case else (None,)
            for matrix in matrices:
                suffix = matrix[-4:] if matrix else ""
                checks[f"bard-{case}{suffix}"] = functools.partial(bard.expected, case, matrix)
        for kind in NUMBERS:
            if kind == "nvfp4":  # the peer quantizes it, but makes no file of it
                continue
            if not kind.startswith(("iq1", "iq2", "iq3_x", "q2_k_s")):
                checks[f"file-{kind}"] = functools.partial(bard.whole_file, kind)
            if kind not in ("q2_0", "f16", "bf16"):  # which know no importance
                checks[f"weighted-{kind}"] = functools.partial(bard.weighted, kind)
        checks["file-pure"] = functools.partial(bard.whole_file, "q4_k_m", ("pure", ["--pure"]))
        checks["file-tensor-types"] = functools.partial(
            bard.whole_file, "q4_k_m",
            ("tensor=blk\\.(0|1)\\.ffn_down=8", ["--tensor-type", "blk\\.(0|1)\\.ffn_down=q8_0"]),
            ("tensor=ffn_.*=14", ["--tensor-type", "ffn_.*=q6_k"]),
            ("embedding=8", ["--token-embedding-type", "q8_0"]),
            ("output=1", ["--output-tensor-type", "f16"]))
        checks["file-leave-output"] = functools.partial(
            bard.whole_file, "q3_k_l", ("leave", ["--leave-output-tensor"]))
        checks["file-prune-layers"] = functools.partial(
            bard.whole_file, "q4_k_m", ("prune=1", ["--prune-layers", "1"]))
        checks["file-keep-split"] = bard.kept_split
        asked = {n: c for n, c in checks.items()
                 if not wanted or n in wanted or n.partition("-")[0] in wanted}
        return peers.run_checks(asked)


sys.exit(main(sys.argv[1:]))

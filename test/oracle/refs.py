"""Small reference models of each family: to GGUF as llama.cpp's converter does it, and back.

For each case: our GGUF holds the tensors and keys of reference.gguf and llama.cpp computes the same
logits from both; a folder made from reference.gguf holds the original's tensors, transformers loads
it and computes the original's logits, and its tokenizer gives the original's ids.

usage: test/oracle/run.sh refs.py [--list] [--family NAME]... [CASE]...
"""
import argparse
import fnmatch
import functools
import json
import pathlib
import shutil
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch

import peers
from peers import Differs

REFS = peers.SHARED / "refs"
# A new family is one line.
FAMILIES = {
    "llama": ["llama", "llama-tied-llama3rope", "llama-bias", "llama-mha-yarn", "llama-linear",
              "llama-sharded", "llama-256", "llama-2048", "llama-bin-v4"],
    "mistral": ["mistral", "mistral-swa", "mistral-tekken"],
    "qwen2": ["qwen2", "qwen2-256", "qwen2-tied"],
    "phi3": ["phi3", "phi3-longrope", "phi3-longrope-long"],
    "gpt2": ["gpt2", "gpt2-bin-v4"],
    "gemma": ["gemma"],
    "gemma2": ["gemma2", "gemma2-qpas", "gemma2-256"],
    "gemma3": ["gemma3"],
    "mixtral": ["mixtral", "mixtral-256"],
    "qwen-moe": ["qwen2_moe", "qwen3_moe"],
    "qwen3": ["qwen3"],
    "phi": ["phi"],
    "gpt-neox": ["gpt_neox"],
    "falcon": ["falcon-7b", "falcon-40b"],
    "bloom": ["bloom"],
    "stablelm": ["stablelm", "stablelm-qknorm"],
    "starcoder": ["starcoder2", "gpt_bigcode"],
    "olmo": ["olmo", "olmo2", "olmoe"],
    "cohere": ["cohere", "cohere2"],
    "granite": ["granite", "granitemoe"],
    "minicpm": ["minicpm"],
    "internlm2": ["internlm2"],
    "deepseek": ["deepseek_v2", "deepseek_v2-qlora", "deepseek_v3"],
    "gpt-oss": ["gpt_oss"],
    "llama4": ["llama4"],
    "glm4": ["glm4"],
    "exaone4": ["exaone4", "exaone4-hybrid"],
    "smollm3": ["smollm3"],
    "ernie": ["ernie4_5"],
    "nemotron": ["nemotron"],
    "bert": ["bert", "bert-mlm", "bert-bin-v4", "roberta", "modernbert"],
    "mamba": ["mamba"],
    "t5": ["t5"],
}
# What a GGUF file cannot say about its source: its architecture is that of Llama for both.
BACK_OPTIONS = {"mistral*": ["--model-type", "mistral"]}
BACK_CONFIG = {"mistral-swa": {"model_type": "mistral", "sliding_window": 8},
               "gemma2-qpas": {"query_pre_attn_scalar": 20}}
# Norms that GGUF stores as 1 + w: the way back is exact to one ulp of the stored value.
SHIFTED_NORMS = {"gemma*": "*norm.weight", "nemotron": "*norm.weight"}
# A of Mamba is stored as -exp(A_log).
EXPONENTS = {"mamba": "*A_log"}
# Tensors whose last bit torch itself computes differently on different CPUs.
ROUNDED = {"mamba": "*.ssm_a"}

# What a GGUF does not hold: the pooler and the heads of pre-training of an encoder, and the positions
# before the padding token.
LOST = {"bert*": ["pooler.*", "cls.*", "*.position_ids"],
        "gpt2-bin-v4": ["*.attn.bias", "*.attn.masked_bias"],  # buffers
        "llama-bin-v4": ["*.rotary_emb.inv_freq"],
        "roberta": ["pooler.*", "*position_embeddings.weight"]}
ENCODERS = {"bert", "bert-mlm", "bert-bin-v4", "roberta", "modernbert"}
# How many times too large the library's logits are: it leaves out a scale of the tied head.
SCALED = {"t5": 8}
NOT_RUN = {"deepseek_v2": "llama.cpp loads it only with 26 or 27 layers"}
# Modules of sentence-transformers behind an encoder, and what they do with [tokens, width].
POOLING = {"mean": lambda h: h.mean(0), "cls": lambda h: h[0], "lasttoken": lambda h: h[-1]}
SENTENCES = ["Hello world", "The quick brown fox jumps over the lazy dog.", "a", "1234567 x 89",
             "Two sentences. One vector.", "naive cafe", "to be or not to be", "Water boils at 100.",
             "an apple a day", "What is the capital of France?"]
# Families whose code is not part of transformers.
NO_CLASS = {"minicpm": "custom code", "internlm2": "custom code"}

# Keys in which the reference converter is not followed, with the reason.
EXEMPT = {
    "general.name": ["*"],  # title case is display only
    # a number at the end of a folder's name is no version, and then there is no basename either
    "general.version": ["*-256", "*-2048", "*-v4"],
    "general.basename": ["*-256", "*-2048", "*-v4", "falcon-*"],
    "general.finetune": ["falcon-*"],  # a size that does not fit is no finetune
    "tokenizer.ggml.eot_token_id": ["gemma"],  # fixed there to an id that is a byte token here
    "tokenizer.ggml.padding_token_id": ["nemotron"],  # fixed there, to another token than here
    "tokenizer.ggml.unknown_token_id": ["nemotron"],
    "tokenizer.ggml.pre": ["exaone4*"],  # the stages of these files are those of gpt-4o
}
# Names of pre-tokenizers with the same behaviour: any of a row will do.
SAME_PRE = [
    "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
    "dbrx smaug-bpe",
    "qwen2 deepseek-r1-qwen kormo f2llmv2 hunyuan solar-open grok-2",
    "gpt-2 olmo mpt phi-2 modern-bert exaone4 jais a.x-4.0 mellum gigachat jina-es jina-de",
    "starcoder refact codeshell exaone mellum2 minerva-7b",
    "command-r smollm",
    "gpt-4o llama4 minimax-m2 kanana2 talkie",
]
TEXTS = ["Hello world", "The quick brown fox jumps over the lazy dog.", "it's 1234567 x 89",
         "a  b   c", "tab\tand\nnewlines\n\n", "naïve café, 日本語 и 😀", "    def f(x): return x"]


def exempt(key, case):
    return any(fnmatch.fnmatch(case, p) for p in EXEMPT.get(key, ()))


def same_value(key, have, want, kind):
    if have == want:
        return True
    if key == "tokenizer.ggml.pre":
        rows = [row.split() for row in SAME_PRE]
        return kind != "gpt2" or any(have[1] in row and want[1] in row for row in rows)
    return False


class Case:
    def __init__(self, name, folder, base=REFS):
        self.name, self.source, self.folder = name, base / name, pathlib.Path(folder)
        index = base / "index.json"
        facts = peers.read_json(index)[name] if index.exists() else {}
        self.kind, self.exact = facts.get("lc_gguf", "f32"), facts.get("lc_exact")
        self.reference = self.source / "reference.gguf"
        self.expected = load_file(self.source / "logits.safetensors")

    @functools.cached_property
    def ours(self):
        return peers.convert(self.source, self.folder / "ours.gguf", "-Q", self.kind)

    @functools.cached_property
    def back(self):
        options = [option for pattern, more in BACK_OPTIONS.items()
                   if fnmatch.fnmatch(self.name, pattern) for option in more]
        if self.name in BACK_CONFIG:
            config = self.folder / "config.json"
            config.write_text(json.dumps(BACK_CONFIG[self.name]))
            options += ["--model-config", config]
        return peers.convert(self.reference, self.folder / "back", "-t", "hf", *options)

    def tensors(self):
        rounded = [n for n in peers.gguf_tensors(self.reference) if self.is_one_of(ROUNDED, n)]
        peers.compare_tensors(peers.gguf_tensors(self.ours), peers.gguf_tensors(self.reference),
                              rounded)
        have, want = peers.gguf_values(self.ours), peers.gguf_values(self.reference)
        peers.fail_with([f"{n}: more than one ulp away" for n in rounded
                         if not (np.abs(have[n] - want[n]) <= np.spacing(np.abs(want[n]))).all()])

    def keys(self):
        """Ours may be more; each key of the reference has the same type and value."""
        have, want = peers.gguf_keys(self.ours), peers.gguf_keys(self.reference)
        kind = want["tokenizer.ggml.model"][1]
        generation = self.source / "generation_config.json"
        sampled = generation.exists() and peers.read_json(generation).get("do_sample") is not False
        wrong = []
        for key, value in want.items():
            if exempt(key, self.name) or (key.startswith("general.sampling.") and not sampled):
                continue
            if key == "tokenizer.ggml.add_space_prefix" and kind == "gpt2" and key not in have:
                continue  # without effect there
            if key not in have:
                wrong.append(f"{key} is missing, expected {str(value)[:80]}")
            elif not same_value(key, have[key], value, kind):
                wrong.append(f"{key} is {str(have[key])[:80]}, expected {str(value)[:80]}")
        peers.fail_with(wrong)

    def llama_cpp(self):
        if self.name in NOT_RUN:
            return "not asked: " + NOT_RUN[self.name]
        have, want = self.by_llama(self.ours), self.by_llama(self.reference)
        same = np.array_equal(have, want)
        note = "bit for bit" if same else f"{peers.expect_gap(have, want, 1e-6, 'llama.cpp'):.1g}"
        if self.name not in ENCODERS | SCALED.keys():
            return note
        # Decoders are compared with transformers on the way back; encoders here too.
        known = "last_hidden_state" if self.name in ENCODERS else "logits"
        limit = 1e-5 if self.name in SCALED else 2 * self.exact
        gap = peers.expect_gap(have / SCALED.get(self.name, 1), self.expected[known][0], limit,
                               "llama.cpp and transformers")
        return f"{note} ({gap:.1g} from transformers)"

    def by_llama(self, model):
        ids = self.expected["input_ids"][0]
        if self.name in ENCODERS:
            return peers.llama_hidden(model, ids)
        if "decoder_input_ids" in self.expected:
            return peers.llama_seq2seq(model, ids, self.expected["decoder_input_ids"][0])
        return peers.llama_logits(model, ids)

    def pooling(self):
        """A folder of sentence-transformers: its embeddings by llama.cpp, and its files again."""
        if self.name not in ENCODERS:
            return ""
        import tokenizers
        words = tokenizers.Tokenizer.from_file(str(self.source / "tokenizer.json"))
        ids = [e.ids for e in words.encode_batch(SENTENCES)]
        hidden = hidden_states(self.source, ids)
        largest = 0
        for mode, pool in POOLING.items():
            folder = with_modules(self.source, self.folder / mode, mode, hidden[0].shape[1])
            model = peers.convert(folder, self.folder / f"{mode}.gguf", "-Q", "f32")
            want = np.stack([pool(h) for h in hidden])
            largest = max(largest, peers.expect_gap(peers.llama_pooled(model, ids), want, 1e-3,
                                                    f"embeddings, {mode}"))
            back = peers.convert(model, self.folder / f"{mode}-back", "-t", "hf")
            peers.fail_with([f"{mode}: {name} differs" for name in MODULE_FILES
                             if peers.read_json(back / name) != peers.read_json(folder / name)])
        return f"{largest:.1g}"

    def is_one_of(self, patterns, tensor):
        return any(fnmatch.fnmatch(self.name, case) and fnmatch.fnmatch(tensor, names)
                   for case, names in patterns.items())

    def back_tensors(self):
        have, want = folder_tensors(self.back), folder_tensors(self.source)
        want = {today(n, self.name): v for n, v in want.items()}
        for pattern in next((p for c, p in LOST.items() if fnmatch.fnmatch(self.name, c)), []):
            have, want = ({n: v for n, v in side.items() if not fnmatch.fnmatch(n, pattern)}
                          for side in (have, want))
        wrong = [f"{n} is missing" for n in want.keys() - have.keys()]
        wrong += [f"{n} is not in the original" for n in have.keys() - want.keys()]
        for name in want.keys() & have.keys():
            a, b = have[name].float().numpy(), want[name].float().numpy()
            if a.shape != b.shape:
                wrong.append(f"{name}: shape {a.shape}, expected {b.shape}")
            elif self.is_one_of(SHIFTED_NORMS, name):
                stored = np.float32(1) + b
                if not (np.abs(a - b) <= np.spacing(np.abs(stored))).all():
                    wrong.append(f"{name}: more than one ulp of 1 + w away")
            elif self.is_one_of(EXPONENTS, name):
                exact = np.exp(np.float64(b))
                if not (np.abs(np.exp(np.float64(a)) - exact)
                        <= np.spacing(np.float32(exact))).all():
                    wrong.append(f"{name}: more than one ulp of exp(w) away")
            elif not np.array_equal(a.view(np.uint32), b.view(np.uint32)):
                wrong.append(f"{name}: {int((a != b).sum())} of {a.size} values differ")
        peers.fail_with(wrong)
        return f"{len(want)} tensors"

    def back_logits(self):
        if self.name in NO_CLASS:
            return "not asked: " + NO_CLASS[self.name]
        have = transformers_logits(self.back, self.expected)
        want = self.expected["last_hidden_state" if self.name in ENCODERS else "logits"]
        gap = peers.expect_gap(have, want, 1e-5, "logits by transformers")
        return f"{gap:.1g}"

    def back_tokenizer(self):
        have, want = token_ids(self.back), token_ids(self.source)
        specials = special_ids(self.back), special_ids(self.source)
        wrong = [f"{by} {text!r}: {got}, expected {expected[0]}"
                 for by, rows in have.items()
                 for text, got, *expected in zip(TEXTS, rows, *want.values())
                 if got not in expected]
        if specials[0] != specials[1]:
            wrong.append(f"special ids around a text {specials[0]}, expected {specials[1]}")
        peers.fail_with(wrong)
        return " and ".join(have)


def today(name, case):
    """The name that transformers gives a tensor of an old file; a GGUF holds the base of BERT."""
    if case.startswith("gpt2") and not name.startswith(("transformer.", "lm_head.")):
        name = "transformer." + name
    return (name.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight")
            .replace("LayerNorm.beta", "LayerNorm.bias"))


def folder_tensors(folder):
    tensors = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        if path.name != "logits.safetensors":
            tensors.update(load_torch(path))
    for path in sorted(pathlib.Path(folder).glob("*.bin")):
        import torch
        tensors.update(torch.load(path, weights_only=True))
    return tensors


def transformers_logits(folder, expected):
    """As the expected ones were made; weights that the folder lacks are a failure."""
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    name = peers.read_json(pathlib.Path(folder) / "config.json")["architectures"][0]
    try:
        model, info = getattr(transformers, name).from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    except Exception as reason:  # its validators raise classes of their own
        raise Differs(f"transformers cannot load the folder: {reason}") from reason
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if [k for k in info.get(kind) or () if not str(k).startswith("pooler.")]:
            raise Differs(f"transformers finds {kind}: {sorted(map(str, info[kind]))[:4]}")
    inputs = {k: torch.tensor(expected[k]) for k in ("input_ids", "decoder_input_ids")
              if k in expected}
    if hasattr(model.config, "use_cache"):
        inputs["use_cache"] = False
    with torch.no_grad():
        out = model.eval()(**inputs)
    return (out.logits if "logits" in out else out.last_hidden_state).float().numpy()


MODULE_FILES = ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json")


def with_modules(source, folder, mode, width):
    """The model with pooling and normalization behind it."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.gguf", "logits*"))
    rows = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    contents = [[{"idx": i, "name": str(i), "path": path,
                  "type": f"sentence_transformers.models.{kind}"}
                 for i, (path, kind) in enumerate(rows)],
                {"word_embedding_dimension": width, "pooling_mode": mode, "include_prompt": True},
                {"max_seq_length": 48, "do_lower_case": False}]
    (folder / "1_Pooling").mkdir()
    for name, content in zip(MODULE_FILES, contents):
        (folder / name).write_text(json.dumps(content, indent=2))
    return folder


def hidden_states(folder, texts):
    """[tokens, width] for each list of ids, by the base model of transformers."""
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32,
                                                   attn_implementation="eager").eval()
    with torch.no_grad():
        return [model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy() for ids in texts]


def token_ids(folder):
    """{library: ids of each text} without special tokens, the library that defines them first.

    The original's own libraries differ on blanks at the start of a text: any of them is right.
    transformers drops a leading blank when a folder has tokenizer.model alone, so it is asked only
    for folders with a tokenizer.json.
    """
    ids, folder = {}, pathlib.Path(folder)
    for path in (folder / "tokenizer.model", folder / "spiece.model"):
        if not path.exists():
            continue
        import sentencepiece
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        ids["sentencepiece"] = [model.encode(t) for t in TEXTS]
    if (folder / "tokenizer.json").exists():
        import tokenizers
        model = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids["tokenizers"] = [model.encode(t, add_special_tokens=False).ids for t in TEXTS]
        model = load_tokenizer(folder)
        ids["transformers"] = [model(t, add_special_tokens=False)["input_ids"] for t in TEXTS]
    if not ids:
        raise Differs(f"no tokenizer files in {folder.name}")
    return ids


def load_tokenizer(folder):
    import transformers
    transformers.logging.set_verbosity_error()
    try:
        return transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as reason:  # its validators raise classes of their own
        raise Differs(f"transformers cannot load the tokenizer: {reason}") from reason


def special_ids(folder):
    """Ids that are put around a text."""
    model = load_tokenizer(folder)
    plain = model("x", add_special_tokens=False)["input_ids"]
    whole = model("x")["input_ids"]
    return [i for i in whole if i not in plain]


def check(name, base=REFS, only=()):
    """1 when the case differs in anything; prints a line."""
    with tempfile.TemporaryDirectory() as folder:
        case = Case(name, folder, base)
        checks = {"tensors": case.tensors, "keys": case.keys, "llama.cpp": case.llama_cpp,
                  "back-tensors": case.back_tensors, "back-logits": case.back_logits,
                  "back-tokenizer": case.back_tokenizer, "pooling": case.pooling}
        return peers.run_case(name, {n: c for n, c in checks.items() if not only or n in only})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--family", action="append", default=[], choices=FAMILIES)
    parser.add_argument("--only", action="append", default=[], help="one check, e.g. keys")
    parser.add_argument("case", nargs="*")
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{f} {c}" for f, cases in FAMILIES.items() for c in cases))
        return 0
    names = args.case + [c for f in args.family for c in FAMILIES[f]]
    failed = 0
    for name in names or [c for cases in FAMILIES.values() for c in cases]:
        failed += check(name, only=args.only)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

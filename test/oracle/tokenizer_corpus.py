"""Tokenizers that went through a GGUF give the ids that they gave before.

Three ways, each line of refs/tokenizers/corpus.txt and each text of odd.json:
  theirs  reference.gguf of a case of refs, written by llama.cpp's converter, to a folder
  ours    a tokenizer of refs/tokenizers with a fake model around it, to a GGUF of ours and back
  keys    the same without src.*: what the keys of GGUF alone say
The library that owns a file of the original says what is right: tokenizers for tokenizer.json,
sentencepiece for tokenizer.model and spiece.model. transformers must say of the new folder what it
says of the original or, where its classes go by rules of their own, what the owner says.

usage: test/oracle/run.sh tokenizer_corpus.py [--way WAY]... [CASE]...
"""
import argparse
import contextlib
import fnmatch
import functools
import hashlib
import json
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import sentencepiece
import tokenizers
import transformers

import peers
from peers import Differs

REFS = peers.SHARED / "refs"
TOKENIZERS = REFS / "tokenizers"
NOT_TOKENIZER = ("config.json", "generation_config.json", "expected.json",
                 "model.safetensors.index.json")
PIECES = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
# Texts whose ids may differ: way, cases, library, how many at most, and why.
ALLOWED = [
    ("theirs", "exaone4*", "tokenizers", 109,
     "NFC and the letters of gpt-4o: the name that was forced into the reference has neither"),
    ("theirs", "gemma*", "sentencepiece", 39,
     "<mask> and the marks of turns are user-defined pieces there, control tokens in a GGUF"),
    ("keys", "gemma", "tokenizers", 41, "user-defined pieces are normal ones in a GGUF"),
    ("keys", "gemma", "sentencepiece", 39, "the same"),
    ("keys", "gemma", "transformers", 19, "the same"),
    ("keys", "llama2", "tokenizers", 360,
     "its tokenizer.json differs from its tokenizer.model, and a GGUF has the latter's rules"),
    ("keys", "roberta", "tokenizers", 11,
     "its <mask> does not take the blank before it, as that of every published file does"),
    ("keys", "t5", "tokenizers", 17,
     "its <extra_id_N> are no pieces, and the converter of llama.cpp takes nothing but pieces"),
    ("keys", "whisper", "specials", 1, "a GGUF has one token before a text, not two"),
    ("keys", "xlm-roberta", "sentencepiece", 1, "its ids are not the numbers of pieces: no file"),
]
# Tokenizers that GGUF has no kind for.
REFUSED = {"wordlevel": "cannot be carried into the target"}
# Those whose way to split GGUF has no name for: any name will do where src.* is kept.
PRE = {"added-flags": "qwen2", "cl100k": "llama-bpe", "clip": "gpt-2", "gpt2-old": "gpt-2",
       "mix-contiguous": "default", "mix-scripts": "default"}
# Not asked: each call gives other ids.
RANDOM = {"dropout"}
# Families of the fakes, by what the tokenizer is.
CONFIGS = {
    "t5": {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "d_model": 64,
           "d_kv": 16, "d_ff": 96, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 4,
           "relative_attention_num_buckets": 32, "feed_forward_proj": "relu",
           "layer_norm_epsilon": 1e-6, "decoder_start_token_id": 0, "tie_word_embeddings": True},
    "bert": {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 32,
             "intermediate_size": 96, "num_hidden_layers": 1, "num_attention_heads": 4,
             "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
             "hidden_act": "gelu"},
    "llama": {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
              "intermediate_size": 96, "num_hidden_layers": 1, "num_attention_heads": 4,
              "num_key_value_heads": 4, "max_position_embeddings": 512, "rms_norm_eps": 1e-6,
              "hidden_act": "silu", "tie_word_embeddings": True},
}


@functools.cache
def texts():
    odd = peers.read_json(TOKENIZERS / "odd.json")
    lines = (TOKENIZERS / "corpus.txt").read_bytes().decode().split("\n")
    return lines + list(odd.values() if isinstance(odd, dict) else odd)


def once(function):
    """Folders with equal tokenizer files are asked once: families share their kinds."""
    known = {}

    @functools.wraps(function)
    def call(folder):
        config = folder / "config.json"
        key = [peers.read_json(config).get("model_type") if config.exists() else ""]
        key += [(p.name, hashlib.sha256(p.read_bytes()).digest()) for p in sorted(folder.iterdir())
                if p.suffix in (".json", ".model", ".txt") and p.name not in NOT_TOKENIZER]
        key = repr(key)
        if key not in known:
            known[key] = function(folder)
        return known[key]
    return call


def load(folder):
    model = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    if getattr(model.model, "dropout", None):
        model.model.dropout = None
    return model


@once
def by_tokenizers(folder):
    path = folder / "tokenizer.json"
    if not path.exists():
        return None
    model = load(folder)
    return [e.ids for e in model.encode_batch(texts(), add_special_tokens=False)]


def pieces_file(folder):
    paths = [folder / name for name in PIECES if (folder / name).exists()]
    return next((p for p in paths if p.open("rb").read(1) == b"\n"), None)


@once
def by_sentencepiece(folder):
    path = pieces_file(folder)
    return path and sentencepiece.SentencePieceProcessor(model_file=str(path)).encode(texts())


@once
def by_transformers(folder):
    transformers.logging.set_verbosity_error()
    try:
        with contextlib.redirect_stdout(None):
            model = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as reason:  # of many classes
        raise Differs(f"transformers cannot load the tokenizer: {reason}") from reason
    return model(texts(), add_special_tokens=False)["input_ids"]


def stored_ids(folder):
    """What the library of the original gave for the lines of the corpus."""
    ids = np.fromfile(folder / "ids.bin", "<u2")
    ends = np.fromfile(folder / "offsets.bin", "<u4")
    return [ids[a:b].tolist() for a, b in zip(ends, ends[1:])]


def framed(folder):
    """Ids that encoding puts around a text, by tokenizers."""
    model = load(folder)
    plain, whole = (model.encode("a b", add_special_tokens=s).ids for s in (False, True))
    return [i for i in whole if i not in plain]


def without_added(folder):
    """Numbers of the texts that hold no added token: sentencepiece does not read those."""
    model = load(folder)
    added = [t.content for t in model.get_added_tokens_decoder().values()]
    return [i for i, text in enumerate(texts()) if not any(a in text for a in added)]


class Case:
    def __init__(self, way, name, original, folder):
        self.way, self.name, self.original, self.made = way, name, original, folder / "made"
        if way == "theirs":
            source = original / "reference.gguf"
        else:
            keep = ["--no-preserve-metadata"] if way == "keys" else []
            pre = ["--pre", PRE[name]] if name in PRE else []
            self.fake = fake_model(original, folder / "fake")
            source = peers.convert(self.fake, folder / "model.gguf", "--fake-weight", *pre, *keep)
        peers.convert(source, self.made, "-t", "hf")

    def allowed(self, library):
        return max((most for way, cases, by, most, _ in ALLOWED
                    if way == self.way and by == library
                    and any(fnmatch.fnmatch(self.name, c) for c in cases.split())), default=0)

    def count(self, library, have, want, where=None):
        """Differing texts; more than are explained is a failure."""
        numbers = range(len(want)) if where is None else where
        wrong = [i for i in numbers if have[i] != want[i]]
        if len(wrong) > self.allowed(library):
            first = texts()[wrong[0]][:60]
            raise Differs(f"{len(wrong)} of {len(numbers)} texts differ, {self.allowed(library)} "
                          f"are explained; {first!r}: {have[wrong[0]][:12]}, expected "
                          f"{want[wrong[0]][:12]}")
        return f"{len(wrong)}"

    @functools.cached_property
    def new_ids(self):
        ids = by_tokenizers(self.made)
        if ids is None:
            raise Differs("no tokenizer.json")
        return ids

    def tokenizers(self):
        want = by_tokenizers(self.original)
        if want is not None:
            return self.count("tokenizers", self.new_ids, want)
        # The other libraries read no added token out of a text.
        want = by_sentencepiece(self.original) or stored_ids(self.original)
        return self.count("tokenizers", self.new_ids, want,
                          [i for i in without_added(self.made) if i < len(want)])

    def sentencepiece(self):
        want = by_sentencepiece(self.original)
        if want is None:
            return "-"
        have = by_sentencepiece(self.made)
        if have is None:
            if self.allowed("sentencepiece"):
                return "no file"
            raise Differs("no sentencepiece file")
        return self.count("sentencepiece", have, want)

    def transformers(self):
        if self.name in RANDOM:
            return "not asked"
        have = by_transformers(self.made)
        if have == self.new_ids:
            return "as tokenizers"
        return self.count("transformers", have, by_transformers(self.original)) + " to the original"

    def llama_cpp(self):
        """A vocabulary without tensors, as llama.cpp reads it."""
        known = peers.read_json(TOKENIZERS / "llama_cpp.json")["tokenizers"].get(self.name)
        if self.way != "ours" or not known:
            return ""
        words = peers.convert(self.fake, self.made.parent / "words.gguf", "--fake-weight",
                              "--set", "gguf.vocab_only=true")
        want = stored_ids(self.original)
        have = peers.llama_tokenize(words, texts()[:len(want)])
        wrong = [i for i, ids in enumerate(want) if have[i] != ids]
        if len(wrong) > known["lines_different"]:
            raise Differs(f"{len(wrong)} lines differ, {known['lines_different']} in a file of "
                          f"llama.cpp's converter; {texts()[wrong[0]][:60]!r}")
        return f"{len(wrong)}"

    def specials(self):
        if (self.original / "tokenizer.json").exists():
            have, want = framed(self.made), framed(self.original)
            if have != want and not self.allowed("specials"):
                raise Differs(f"{have} around a text, expected {want}")
        return ""


def fake_model(original, folder):
    """The tokenizer files with a config beside them."""
    folder.mkdir()
    for path in original.iterdir():
        if not path.name.endswith((".bin", "expected.json")):
            name = "tokenizer.tiktoken" if path.suffix == ".tiktoken" else path.name
            shutil.copy(path, folder / name)
    family, rows = "llama", 0
    if (folder / "tokenizer.json").exists():
        model = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        family = {"Unigram": "t5", "WordPiece": "bert"}.get(type(model.model).__name__, "llama")
        rows = max(model.get_vocab(with_added_tokens=True).values()) + 1
    config = {**CONFIGS[family], "vocab_size": rows or 2048}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def cases(ways, names):
    """(way, name, folder of the original)"""
    for way in ways:
        if way == "theirs":
            rows = [(p.parent.name, p.parent) for p in sorted(REFS.glob("*/reference.gguf"))]
        else:
            rows = [(p.name, p) for p in sorted(TOKENIZERS.iterdir())
                    if (p / "ids.bin").exists() and (way == "ours" or p.name not in PRE)]
        yield from ((way, name, path) for name, path in rows if not names or name in names)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", action="append", choices=["theirs", "ours", "keys"])
    parser.add_argument("case", nargs="*")
    args = parser.parse_args()
    failed = 0
    for way, name, original in cases(args.way or ["theirs", "ours", "keys"], args.case):
        with tempfile.TemporaryDirectory() as folder:
            try:
                case = Case(way, name, original, pathlib.Path(folder))
            except Differs as reason:
                known = way != "theirs" and name in REFUSED and REFUSED[name] in str(reason)
                failed += not known
                print(f"{'ok  ' if known else 'FAIL'}  {way} {name}: not converted: "
                      f"{REFUSED[name] if known else reason}", flush=True)
                continue
            failed += peers.run_case(f"{way} {name}", {
                "tokenizers": case.tokenizers, "sentencepiece": case.sentencepiece,
                "transformers": case.transformers, "specials": case.specials,
                "llama.cpp": case.llama_cpp})
    return 1 if failed else 0


sys.exit(main())

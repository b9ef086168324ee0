#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets with the program's own writers: make_seeds.py RECAST FOLDER

One tiny model of each shape of family, as hf, gguf, safetensors, torch, DCP and Meta files, and their
parts. Standard library only. The same program gives the same bytes.
"""
import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
LLAMA = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
             num_key_value_heads=1, max_position_embeddings=64, vocab_size=24, rms_norm_eps=1e-5,
             rope_theta=10000.0, bos_token_id=1, eos_token_id=2, tie_word_embeddings=False,
             hidden_act="silu")


def llama(cls, kind, **changes):
    return {"architectures": [cls], "model_type": kind, **LLAMA, **changes}


CONFIGS = {
    "llama": llama("LlamaForCausalLM", "llama", rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32}),
    "qwen2": llama("Qwen2ForCausalLM", "qwen2", bos_token_id=None, tie_word_embeddings=True),
    "qwen3": llama("Qwen3ForCausalLM", "qwen3", head_dim=8),
    "mixtral": llama("MixtralForCausalLM", "mixtral", num_local_experts=2, num_experts_per_tok=1),
    "gemma2": llama("Gemma2ForCausalLM", "gemma2", head_dim=8, query_pre_attn_scalar=8,
                    sliding_window=8, hidden_activation="gelu_pytorch_tanh"),
    "phi3": llama("Phi3ForCausalLM", "phi3", original_max_position_embeddings=32, head_dim=8,
                  max_position_embeddings=64, pad_token_id=0,
                  rope_scaling={"type": "longrope", "short_factor": [1.0] * 4,
                                "long_factor": [2.0] * 4}),
    "gpt2": dict(architectures=["GPT2LMHeadModel"], model_type="gpt2", n_embd=16, n_head=2,
                 n_layer=1, n_positions=16, n_ctx=16, vocab_size=24, bos_token_id=1, eos_token_id=2,
                 activation_function="gelu_new", layer_norm_epsilon=1e-5),
    "deepseek_v2": llama("DeepseekV2ForCausalLM", "deepseek_v2", num_key_value_heads=2,
                         q_lora_rank=None, kv_lora_rank=8, qk_nope_head_dim=8, qk_rope_head_dim=4,
                         v_head_dim=8, moe_intermediate_size=8, n_routed_experts=2,
                         n_shared_experts=1, num_experts_per_tok=1, first_k_dense_replace=1,
                         num_hidden_layers=2, topk_method="greedy", routed_scaling_factor=1.0,
                         scoring_func="softmax", norm_topk_prob=False, n_group=1, topk_group=1),
    "mamba": dict(architectures=["MambaForCausalLM"], model_type="mamba", hidden_size=16,
                  intermediate_size=32, num_hidden_layers=1, state_size=4, conv_kernel=4,
                  time_step_rank=2, vocab_size=24, layer_norm_epsilon=1e-5, expand=2,
                  bos_token_id=1, eos_token_id=2, use_conv_bias=True, use_bias=False),
    "bert": dict(architectures=["BertModel"], model_type="bert", hidden_size=16,
                 intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=24,
                 max_position_embeddings=16, type_vocab_size=2, layer_norm_eps=1e-12,
                 hidden_act="gelu", pad_token_id=0),
    "t5": dict(architectures=["T5ForConditionalGeneration"], model_type="t5", d_model=16, d_kv=8,
               d_ff=16, num_heads=2, num_layers=1, num_decoder_layers=1, vocab_size=24,
               relative_attention_num_buckets=8, relative_attention_max_distance=32,
               layer_norm_epsilon=1e-6, feed_forward_proj="gated-gelu", eos_token_id=2,
               pad_token_id=0, tie_word_embeddings=False),
}
SPECIALS = ["<unk>", "<s>", "</s>"]
LETTERS = list("abcdefghijklmno")
# Either shows the fuzzer what a family is; small seeds are quicker.
ONLY_GGUF = {"qwen3", "gemma2", "t5"}
ONLY_HF = {"qwen2", "mixtral", "deepseek_v2", "mamba"}
# Kind of tokenizer of each family; the others have that of llama.
TOKENIZER_OF = {"qwen2": "bytes", "qwen3": "bytes", "gpt2": "bytes", "mamba": "bytes",
                "bert": "words", "t5": "unigram"}


def added(text, i):
    return {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True}


def tokenizer(kind):
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] if kind == "words" else SPECIALS
    blank = {"bytes": "\u0120", "words": "##a"}.get(kind, "\u2581")
    texts = specials + [blank] + LETTERS + ([] if kind == "words" else ["ab", "abc"])
    vocab = {text: i for i, text in enumerate(texts)}
    out = {"version": "1.0", "truncation": None, "padding": None,
           "added_tokens": [added(text, i) for i, text in enumerate(specials)]}
    if kind == "words":
        return {**out, "normalizer": {"type": "BertNormalizer", "clean_text": True,
                                      "handle_chinese_chars": True, "strip_accents": None,
                                      "lowercase": True},
                "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
                "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocab,
                          "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}}
    if kind == "unigram":
        return {**out, "normalizer": None,
                "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581",
                                  "prepend_scheme": "always"},
                "post_processor": None, "decoder": None,
                "model": {"type": "Unigram", "unk_id": 0,
                          "vocab": [[text, -float(i)] for i, text in enumerate(texts)]}}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False,
             "byte_fallback": False, "vocab": vocab, "merges": [["a", "b"], ["ab", "c"]]}
    if kind == "bytes":
        return {**out, "normalizer": None,
                "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False,
                                  "trim_offsets": True, "use_regex": True},
                "post_processor": None, "decoder": {"type": "ByteLevel"}, "model": model}
    model.update(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    return {**out, "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
            "pre_tokenizer": None, "post_processor": None,
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}, "model": model}


def pack(files):
    """The form of memory_source.h: several files in one input."""
    out = b"RECASTPACK\n"
    for name, content in files:
        out += bytes([len(name)]) + name.encode() + struct.pack("<I", len(content)) + content
    return out


def folder_files(folder):
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())
            if path.name != "recast.json"]


class Seeds:
    def __init__(self, program, out, work):
        self.program, self.out, self.work = program, out, work

    def put(self, folder, name, content):
        path = self.out / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def convert(self, source, target, *options):
        subprocess.run([self.program, "convert", "-qq", source, "-o", target, "--no-manifest",
                        "--no-provenance", *options], check=True)
        return target

    def write_torch(self, path, *arguments):
        subprocess.run([sys.executable, HERE.parent / "test" / "write_torch.py", path, *arguments],
                       check=True)
        with zipfile.ZipFile(path) as archive:  # without the time of day
            members = [(name, archive.read(name)) for name in archive.namelist()]
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members:
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)

    def family(self, name, config):
        bare, model = self.work / f"{name}.bare", self.work / name
        bare.mkdir()
        (bare / "config.json").write_text(json.dumps(config))
        (bare / "tokenizer.json").write_text(
            json.dumps(tokenizer(TOKENIZER_OF.get(name, "llama")), ensure_ascii=False))
        (bare / "tokenizer_config.json").write_text(json.dumps(
            {"add_bos_token": True, "chat_template": "{{ messages }}"}))
        self.convert(bare, model, "-t", "hf", "--fake-weight", "--fake-weight-mode", "random",
                     "--precision", "f16")
        if name not in ONLY_GGUF:
            self.put("hf", name, pack(folder_files(model)))
        self.put("json", f"config-{name}.json", (model / "config.json").read_bytes())
        kind = TOKENIZER_OF.get(name, "llama")
        self.put("tokenizer", f"{kind}.json", (bare / "tokenizer.json").read_bytes())
        self.put("tokenizer", f"{kind}.folder", pack(folder_files(bare)))
        gguf = self.convert(model, self.work / f"{name}.gguf", "-t", "gguf")
        if name not in ONLY_HF:
            self.put("gguf", f"{name}.gguf", gguf.read_bytes())
        return model, gguf

    def of_llama(self, model, gguf):
        weights = self.work / "model.safetensors"
        self.convert(model, weights, "-t", "safetensors", "--metadata", "a=b")
        self.put("safetensors", "model.safetensors", weights.read_bytes())
        sums = self.convert(model, self.work / "sums.safetensors", "-t", "safetensors",
                            "--tensor-sums")
        self.put("safetensors", "sums.safetensors", sums.read_bytes())
        shards = self.convert(model, self.work / "shards", "-t", "hf", "--shard-size", "2000")
        self.put("hf", "shards", pack(folder_files(shards)))
        self.put("json", "index.json", (shards / "model.safetensors.index.json").read_bytes())
        parts = self.work / "parts"
        parts.mkdir()
        self.convert(gguf, parts / "m.gguf", "--split", "tensors:6")
        self.put("gguf", "parts", pack(folder_files(parts)))
        back = self.convert(gguf, self.work / "back", "-t", "hf")
        self.put("tokenizer", "rebuilt.folder", pack(
            [f for f in folder_files(back) if "token" in f[0] or f[0].endswith(".jinja")]))
        self.put("sentencepiece", "llama.model", (back / "tokenizer.model").read_bytes())
        self.torch(model / "model.safetensors", model / "config.json")

    def torch(self, weights, config):
        bin_file = self.work / "pytorch_model.bin"
        for name, form in (("plain", []), ("trainer", ["--trainer"]),
                           ("object", ["--object", "some.Model"])):
            self.write_torch(bin_file, *form, weights)
            self.put("pytorch", f"{name}.bin", bin_file.read_bytes())
            self.put("pickle", f"{name}.pkl", pickle_of(bin_file))
        self.write_torch(bin_file, weights)
        self.put("hf", "torch", pack([("config.json", config.read_bytes()),
                                      ("pytorch_model.bin", bin_file.read_bytes())]))
        self.dcp()
        renamed = self.work / "meta.safetensors"
        renamed.write_bytes(with_meta_names(weights.read_bytes()))
        self.write_torch(bin_file, renamed)
        params = dict(dim=16, n_layers=1, n_heads=2, n_kv_heads=1, vocab_size=24, norm_eps=1e-5,
                      rope_theta=10000.0, multiple_of=16)
        files = [("params.json", json.dumps(params).encode()),
                 ("consolidated.00.pth", bin_file.read_bytes())]
        self.put("meta", "one", pack(files))
        self.put("meta", "two", pack(files + [("consolidated.01.pth", bin_file.read_bytes())]))

    def dcp(self):
        run, weights = self.work / "run", self.work / "two.safetensors"
        weights.write_bytes(safetensors({"w": [3, 2], "v": [3]}))
        subprocess.run([sys.executable, HERE.parent / "test" / "write_dcp.py", run, weights],
                       check=True)
        self.put("dcp", "columns", pack(folder_files(run)))
        self.put("pickle", "dcp.pkl", (run / ".metadata").read_bytes())
        slices = []  # three rows of w, two of them in the first rank
        for rank in (0, 1):
            info = json.dumps({"w": {"saved_offsets": [2 * rank, 0]}})
            metadata = {"DCP_SHARDING_INFO": info, "DCP_VERSION": "1.0", "format": "pt"}
            slices.append((f"shard-0000{rank + 1}-model-00001-of-00001.safetensors",
                           safetensors({"w": [2 - rank, 2]}, metadata)))
        self.put("dcp", "slices", pack(slices))

    def of_blocks(self):
        """Rows that fill blocks of 32, packed."""
        config = {**CONFIGS["llama"], "hidden_size": 32, "intermediate_size": 32}
        for key in ("rope_scaling",):
            config.pop(key)
        model, _ = self.family("blocks", config)
        for kind in ("q8_0", "q4_0"):
            packed = self.convert(model, self.work / f"{kind}.gguf", "-t", f"gguf:{kind}", "--pure",
                                  "--tensor-sums")
            self.put("gguf", f"{kind}.gguf", packed.read_bytes())
        for folder, name in (("hf", "blocks"), ("json", "config-blocks.json"),
                             ("gguf", "blocks.gguf")):
            (self.out / folder / name).unlink()

    def of_text(self):
        self.put("yaml", "card.md", "---\nlicense: apache-2.0\ntags: [a, b]\nbase_model:\n"
                 "  - x/y\nnumbers: {a: 1.0, b: &x null}\nlist:\n- *x\n- 'text'\n- |\n  long\n"
                 "---\n# Title\n")
        self.put("yaml", "shapes.yaml", "model.a: [2, 3]\nmodel.b:\n  - 4\n")
        for kind, files in PLAIN_TOKENIZERS.items():
            self.put("tokenizer", f"{kind}.folder",
                     pack([(name, text.encode()) for name, text in files]))

    def of_imatrix(self):
        entries = [("blk.0.attn_q.weight", 3, [1.0, 2.5, 0.0]), ("blk.0.ffn_down_exps.weight", 0,
                                                                [0.5] * 8)]
        data = struct.pack("<i", len(entries))
        for name, calls, values in entries:
            data += struct.pack("<i", len(name)) + name.encode()
            data += struct.pack(f"<ii{len(values)}f", calls, len(values), *values)
        self.put("imatrix", "old.dat", data)
        self.put("imatrix", "new.dat", data + struct.pack("<ii", 7, 5) + b"a.txt")


PLAIN_TOKENIZERS = {
    "merges": [("vocab.json", '{"a": 0, "b": 1, "ab": 2, "</s>": 3}'),
               ("merges.txt", "#version: 0.2\na b\n"),
               ("tokenizer_config.json", '{"eos_token": "</s>"}')],
    "vocab-txt": [("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n")],
    "tiktoken": [("tokenizer.model", "YQ== 0\nYg== 1\nYWI= 2\n")],
    "tekken": [("tekken.json", json.dumps({
        "config": {"pattern": "[a-z]+", "default_vocab_size": 4, "default_num_special_tokens": 2,
                   "num_vocab_tokens": 2, "version": "v3"},
        "special_tokens": [{"rank": 0, "token_str": "<unk>", "is_control": True},
                           {"rank": 1, "token_str": "<s>", "is_control": True}],
        "vocab": [{"rank": 0, "token_bytes": "YQ==", "token_str": "a"},
                  {"rank": 1, "token_bytes": "Yg==", "token_str": "b"}]}))],
}


def pickle_of(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl")))


def safetensors(shapes, metadata=None):
    """A file of float32 zeros."""
    header, end = {"__metadata__": metadata} if metadata else {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def with_meta_names(data):
    names = {"model.embed_tokens": "tok_embeddings", "model.norm": "norm", "lm_head": "output",
             "self_attn.q_proj": "attention.wq", "self_attn.k_proj": "attention.wk",
             "self_attn.v_proj": "attention.wv", "self_attn.o_proj": "attention.wo",
             "mlp.gate_proj": "feed_forward.w1", "mlp.down_proj": "feed_forward.w2",
             "mlp.up_proj": "feed_forward.w3", "input_layernorm": "attention_norm",
             "post_attention_layernorm": "ffn_norm", "model.layers": "layers"}
    length = struct.unpack("<Q", data[:8])[0]
    header = data[8:8 + length].decode()
    for old, new in names.items():
        header = header.replace(old, new)
    return struct.pack("<Q", len(header.encode())) + header.encode() + data[8 + length:]


def main(program, out):
    out = pathlib.Path(out)
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        seeds = Seeds(pathlib.Path(program).resolve(), out, pathlib.Path(work))
        for name, config in CONFIGS.items():
            model, gguf = seeds.family(name, config)
            if name == "llama":
                seeds.of_llama(model, gguf)
        seeds.of_blocks()
        seeds.of_text()
        seeds.of_imatrix()
    files = [path for path in out.rglob("*") if path.is_file()]
    print(f"{len(files)} seeds, {sum(p.stat().st_size for p in files)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])

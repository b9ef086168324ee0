"""Makes model_cards.tsv with the gguf package (pip install gguf).

usage: make_model_cards.py > model_cards.tsv
A row: the front matter of a card as JSON, then the general.* keys that the package writes for it, as
a JSON object in file order. The cards keep clear of what we do on purpose in another way: model_type
as a basename, repeated tags, values that are no text (the package's writer fails on those).
"""
import json
import random

import gguf
from gguf.metadata import Metadata

TEXTS = ["Tiny", "Some Name", "a: b # c", "v1.0", "Ünï", "", "x/y", "mit"]
LINKS = ["meta-llama/Llama-2-7b-hf", "gpt2", "a plain name", "org/x-v2", "./here/x", "a/b/c-7B",
         "https://huggingface.co/Qwen/Qwen2-7B-v0.3", "https://huggingface.co/a/b/c", "ssh://host/x",
         "http://huggingface.co/x/y-chat", "https://example.org/x/y",
         {"name": "N", "repo_url": "u", "doi": "d"}, {"organization": "O", "version": "3"}]
KEYS = """name model_name author model_author model_creator version model_version organization
model_organization finetune model_finetune basename model_basename description model_description
size_label model_size_label license license_name license_link url model_url doi model_doi uuid
model_uuid repo_url model_repo_url""".split()


def card(rng):
    out = {key: rng.choice(TEXTS) for key in rng.sample(KEYS, rng.randint(0, 8))}
    # An empty text hides the next source in the package, not with us.
    out = {k: v for k, v in out.items() if v}
    if rng.random() < 0.3:
        out["license"] = ["mit", "apache-2.0"]
    for group in (["base_model", "base_models", "base_model_sources"], ["datasets", "dataset"]):
        if rng.random() < 0.6:
            links = rng.sample(LINKS, rng.randint(1, 3))
            out[rng.choice(group)] = links if len(links) > 1 or isinstance(links[0], dict) else links[0]
    if rng.random() < 0.5:
        out["tags"] = rng.sample(["a", "b c", "text", "gguf"], rng.randint(1, 3))
        out["pipeline_tag"] = "text-generation"
    if rng.random() < 0.5:
        out["language"] = rng.choice(["en", ["en", "de"], ["no"]])
    if rng.random() < 0.2:
        out["languages"] = ["fr"]
    items = list(out.items())
    rng.shuffle(items)
    return dict(items)


rng = random.Random(3)
for _ in range(90):
    source = card(rng)
    meta = Metadata.apply_metadata_heuristic(Metadata(), json.loads(json.dumps(source)), None, None, 0)
    named = meta.name is not None
    meta.name = meta.name or "-"
    writer = gguf.GGUFWriter(None, "x")
    meta.set_gguf_meta_model(writer)
    keys = {k: v.value for k, v in writer.kv_data[0].items() if k != "general.architecture"}
    if not named:
        del keys["general.name"]
    keys = {k: v for k, v in keys.items() if v not in ("", [])}
    print(json.dumps(source, ensure_ascii=False), json.dumps(keys, ensure_ascii=False), sep="\t")

"""Makes model_names.tsv and size_labels.tsv with the gguf package (pip install gguf).

usage: make_model_names.py FOLDER
model_names.tsv:  id, total parameters, then what get_model_id_components gives: full name,
                  organization, basename, finetune, version, size label; then id_to_title of the id.
                  Empty stands for None.
size_labels.tsv:  total, shared, expert, experts, size_label.
"""
import random
import sys

from gguf.metadata import Metadata
from gguf.utility import size_label

KNOWN = """Mixtral-8x7B-Instruct-v0.1 Meta-Llama-3-8B Qwen2-57B-A14B-Instruct Florence-2-base
Gemma-2-9B-It-SPPO-Iter3 bloom-7b1-petals DeepSeek-V2-Chat-0628 hermes-2-pro-llama-3-8b-DPO
meta-llama/Llama-2-7b-hf ./out ../x-7b /abs /-7B- llama-256 checkpoint-500 x-v4 falcon-7b
TinyLlama/TinyLlama-1.1B-Chat-v1.0 Qwen/Qwen2.5-0.5B-Instruct microsoft/phi-2 gpt2 gpt2-xl a
Phi-3-mini-4k-instruct Llama3rope qwen2_moe mistral-7B-q4_0 model-IQ4_K-7B Q4_K_XL-7B bf16 fp32-x
smollm2-135M-135M-xxl-small base-1.5b-1_5B-lora x-lora-r16 7B-7B v-1-2-3 Iter3""".split()
WORDS = """llama Llama LLAMA meta Qwen2 qwen2_moe phi mistral Mixtral base hf it It DPO pro 4k 128k
chat Chat instruct INSTRUCT vision lora LoRA small mini medium Large xl XXL v1 v0.1 V2.5 iter3 Iter4
2407 3 1.5 2.0.1 1. .5 v 7B 7b 8x7B 8X22b A14B a3b 1_5B 0.5b 7b1 560m 1t 100K 3K7 7.5b1 7Bx x7B
q4_0 Q8_0 IQ4_K iq2 Q4_K_XL q4__ f16 BF16 fp32 bfp16 f8 gguf a1b2.c3 d.e_f""".split()


def ids(rng):
    for text in KNOWN:
        for total in (0, 4_000_000_000, 161_000_000, -7_000_000_000):
            yield text, total
    yield "a plain name 7B", 0
    for _ in range(420):
        text = "-".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6)))
        if rng.random() < 0.25:
            text = rng.choice(["org", "Meta-AI", ".", "..", "a/b"]) + "/" + text
        if rng.random() < 0.1:
            text = text.replace("-", "--", 1)
        total = rng.choice([0, 1]) and int(10 ** rng.uniform(5, 12.5)) * rng.choice([1, 1, -1])
        yield text, total


def counts(rng):
    edges = [1, 4, 5, 432, 994, 995, 999, 1000, 9950, 41400, 999499, 999500, 10**6, 10**6 + 1,
             10**9, 10**9 + 1, 10**12, 10**12 + 1, 6738415616, 1050000, 1150000, 9950000, 9949999]
    for n in edges:
        yield n, n, 0, 0
    for _ in range(250):
        n = int(10 ** rng.uniform(0, 14))
        yield n, n, 0, 0
    for _ in range(100):
        experts, expert, shared = rng.randint(2, 256), int(10 ** rng.uniform(2, 10)), rng.randint(1, 10**9)
        yield shared + experts * expert, shared, expert, experts


def write(path, rows):
    with open(path, "w", encoding="ascii") as out:
        for row in rows:
            out.write("\t".join("" if x is None else str(x) for x in row) + "\n")


rng = random.Random(7)
write(f"{sys.argv[1]}/model_names.tsv",
      [(t, n, *Metadata.get_model_id_components(t, n), Metadata.id_to_title(t)) for t, n in ids(rng)])
write(f"{sys.argv[1]}/size_labels.tsv", [(*c, size_label(*c)) for c in counts(rng)])

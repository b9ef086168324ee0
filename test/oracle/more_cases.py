"""What make_reference.py makes: a family or a configuration a line.

Odd sizes throughout: a head width that is not hidden / heads, fewer key heads than heads.
"""
import dataclasses

REMOVED = object()
PRE = {"glm4": "glm4", "qwen3": "qwen2", "llama-tied-llama3rope": "llama-bpe", "gpt2": "gpt-2",
       "gpt_neox": "olmo", "olmo2": "dbrx", "deepseek_v3": "deepseek-v3", "gpt_oss": "gpt-4o",
       "mistral-tekken": "tekken", "starcoder2": "starcoder", "cohere": "command-r",
       "granite": "refact", "falcon-7b": "falcon", "phi": "phi-2", "llama4": "llama4",
       "deepseek_v2": "deepseek-llm", "bloom": "bloom", "roberta": "roberta-bpe",
       "modernbert": "modern-bert", "stablelm-qknorm": "stablelm2", "smollm3": "llama-bpe"}
# Spellings of transformers 4, the only ones that the converter knows.
OLD_CLASSES = {"PhimoeForCausalLM": "PhiMoEForCausalLM", "MptForCausalLM": "MPTForCausalLM"}


@dataclasses.dataclass
class MoreCase:
    name: str
    classes: tuple        # configuration and model of transformers
    tokenizer: str        # case of the reference data whose files are borrowed
    config: dict
    pre: str = ""         # pre-tokenizer that the converter is told; "": by the tokenizer
    added: dict = dataclasses.field(default_factory=dict)   # keys of config.json as published
    names: dict = dataclasses.field(default_factory=dict)   # parts of tensor names as published
    not_run: str = ""     # why llama.cpp is not asked for logits
    refused: str = ""     # config key that keeps a model out of GGUF
    gpt2_vocabulary: bool = False  # the converter wants a tokenizer class that transformers lacks
    encoder: bool = False
    back_config: dict = dataclasses.field(default_factory=dict)  # what a GGUF does not say
    exempt: tuple = ()    # keys of the reference that are not followed
    # Tables of refs.py: names of tensors that no GGUF holds, or that come back within one ulp.
    lost: list = dataclasses.field(default_factory=list)
    rounded: str = ""
    exponents: str = ""
    shifted: str = ""

    def __post_init__(self):
        self.pre = self.pre or PRE.get(self.tokenizer, "")


def classes(stem, kind="ForCausalLM"):
    return (stem + "Config", stem + kind)


# A decoder of Llama's sizes.
SIZES = dict(vocab_size=360, hidden_size=64, intermediate_size=96, num_hidden_layers=3,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
             bos_token_id=1, eos_token_id=2, pad_token_id=None)
# A of Mamba is stored as -exp(A_log).
EXP = dict(exponents="*A_log", rounded="*.ssm_a")
ALL = []


def add(name, class_pair, tokenizer, base=SIZES, pre="", more=None, **config):
    """`more`: fields of MoreCase; the rest: members of the configuration."""
    ALL.append(MoreCase(name, class_pair, tokenizer, {**base, **config}, pre, **(more or {})))


def named(names):
    return [case for case in ALL if not names or case.name in names]


add("arcee", classes("Arcee"), "llama-tied-llama3rope", head_dim=24)
add("seed_oss", classes("SeedOss"), "qwen3", head_dim=24)
add("apertus", classes("Apertus"), "mistral-tekken")
add("glm", classes("Glm"), "glm4", head_dim=16)
add("phimoe", classes("Phimoe"), "phi3", num_local_experts=4, attention_bias=True,
    lm_head_bias=True, more=dict(added={"original_max_position_embeddings": 256}))
add("mpt", classes("Mpt"), "gpt_neox", pre="mpt",
    base=dict(vocab_size=360, d_model=64, n_heads=4, n_layers=3, max_seq_len=64))
add("falcon_mamba", classes("FalconMamba"), "falcon-7b",
    base=dict(vocab_size=360, hidden_size=48, state_size=8, num_hidden_layers=2, intermediate_size=96),
    more=EXP)
add("mamba2", classes("Mamba2"), "gpt_neox",
    base=dict(vocab_size=368, hidden_size=64, state_size=16, num_hidden_layers=2, num_heads=8,
              head_dim=16, n_groups=2, expand=2), more=EXP)
add("ernie4_5_moe", classes("Ernie4_5_Moe"), "ernie4_5", moe_num_experts=4, moe_k=2,
    moe_intermediate_size=24, moe_num_shared_experts=2, moe_layer_start_index=1,
    moe_layer_end_index=2, moe_layer_interval=1)
add("dbrx", classes("Dbrx"), "olmo2",
    base=dict(vocab_size=360, d_model=64, n_heads=4, n_layers=2, max_seq_len=128,
              rope_parameters=dict(rope_type="default", rope_theta=50000.0),
              attn_config=dict(kv_n_heads=2, clip_qkv=1.5, rope_theta=50000.0),
              ffn_config=dict(ffn_hidden_size=80, moe_num_experts=4, moe_top_k=2,
                              hidden_size=64, ffn_act_fn={"name": "silu"})))
add("glm4_moe", classes("Glm4Moe"), "glm4", head_dim=24, moe_intermediate_size=40,
    n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=1, first_k_dense_replace=1,
    n_group=2, topk_group=1, use_qk_norm=True, attention_bias=True)
add("hunyuan_v1_dense", classes("HunYuanDenseV1"), "deepseek_v3", pre="hunyuan-dense", head_dim=24)
add("hunyuan_v1_moe", classes("HunYuanMoEV1"), "qwen3", pre="hunyuan", head_dim=24, num_experts=4,
    moe_topk=2, more=dict(gpt2_vocabulary=True,
        added={"moe_intermediate_size": [96] * 3, "moe_topk": [2] * 3, "num_shared_expert": [1] * 3}))
add("dots1", classes("Dots1"), "qwen3", head_dim=24, num_key_value_heads=4, moe_intermediate_size=40, n_routed_experts=8,
    num_experts_per_tok=2, n_shared_experts=1, first_k_dense_replace=1, n_group=2, topk_group=1,
    more=dict(added={"scoring_func": "sigmoid"}))
add("minimax_m2", classes("MiniMaxM2"), "gpt_oss", pre="minimax-m2", head_dim=24,
    num_local_experts=4, num_experts_per_tok=2, rotary_dim=12,
    more=dict(added={"scoring_func": "sigmoid", "rotary_dim": 12}))
add("afmoe", classes("Afmoe"), "qwen3", head_dim=24, moe_intermediate_size=40,
    num_experts=8, num_experts_per_tok=2, num_shared_experts=1, num_dense_layers=1,
    sliding_window=8, num_hidden_layers=5, mup_enabled=True,
    more=dict(added={"route_norm": True, "score_func": "sigmoid"}))
add("distilbert", classes("DistilBert", "Model"), "bert",
    base=dict(vocab_size=360, dim=64, n_layers=2, n_heads=4, hidden_dim=96,
              max_position_embeddings=64), more=dict(encoder=True))

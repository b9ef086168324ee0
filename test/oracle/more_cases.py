"""What make_reference.py makes: a family or a configuration a line.

Odd sizes throughout: a head width that is not hidden / heads, fewer key heads than heads.
"""
import dataclasses

REMOVED = object()
# Spellings of transformers 4, the only ones that the converter knows.
OLD_CLASSES = {"PhimoeForCausalLM": "PhiMoEForCausalLM", "MptForCausalLM": "MPTForCausalLM"}


@dataclasses.dataclass
class MoreCase:
    name: str
    classes: tuple        # configuration and model of transformers
    tokenizer: str        # case of the reference data whose files are borrowed
    config: dict
    pre: str = ""         # pre-tokenizer that the converter is told; "": that of the tokenizer
    added: dict = dataclasses.field(default_factory=dict)   # keys of config.json as published
    names: dict = dataclasses.field(default_factory=dict)   # parts of tensor names as published
    files: dict = dataclasses.field(default_factory=dict)   # other names of tokenizer files
    not_run: str = ""     # why llama.cpp is not asked for logits
    warns: str = ""       # config key that the warning of our conversion names
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


def classes(stem, kind="ForCausalLM"):
    return (stem + "Config", stem + kind)


# A decoder of Llama's sizes.
SIZES = dict(vocab_size=360, hidden_size=64, intermediate_size=96, num_hidden_layers=3,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256)
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
add("glm", classes("Glm"), "glm4", head_dim=16)
add("phimoe", classes("Phimoe"), "phi3", num_local_experts=4, attention_bias=True,
    lm_head_bias=True, more=dict(added={"original_max_position_embeddings": 256}))
add("mpt", classes("Mpt"), "gpt_neox", pre="mpt",
    base=dict(vocab_size=360, d_model=64, n_heads=4, n_layers=3, max_seq_len=64))
add("falcon_mamba", classes("FalconMamba"), "falcon-7b",
    base=dict(vocab_size=360, hidden_size=48, state_size=8, num_hidden_layers=2,
              intermediate_size=96),
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
        added={"moe_intermediate_size": [96] * 3, "moe_topk": [2] * 3,
               "num_shared_expert": [1] * 3}))
add("dots1", classes("Dots1"), "qwen3", head_dim=24, num_key_value_heads=4,
    moe_intermediate_size=40, n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=1,
    first_k_dense_replace=1, n_group=2, topk_group=1,
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
add("ministral3", classes("Ministral3"), "mistral-tekken", head_dim=24, rope_parameters=dict(
    rope_type="yarn", rope_theta=1000000.0, factor=4.0, original_max_position_embeddings=16,
    beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1))

# Other configurations of families that the reference data has.
add("qwen3-bias", classes("Qwen3"), "qwen3", head_dim=24, attention_bias=True,
    more=dict(not_run="refused", warns="attention_bias"))
add("qwen3-tied-mha", classes("Qwen3"), "qwen3", num_key_value_heads=4, head_dim=16,
    tie_word_embeddings=True)
add("qwen3-yarn", classes("Qwen3"), "qwen3", head_dim=24, rope_parameters=dict(
    rope_type="yarn", rope_theta=50000.0, factor=4.0, original_max_position_embeddings=64))
add("qwen2_moe-dense", classes("Qwen2Moe"), "qwen2_moe", num_experts=4, num_experts_per_tok=2,
    moe_intermediate_size=40, shared_expert_intermediate_size=48, mlp_only_layers=[0],
    more=dict(refused="mlp_only_layers"))
add("qwen2_moe-norm", classes("Qwen2Moe"), "qwen2_moe", num_experts=4, num_experts_per_tok=2,
    moe_intermediate_size=40, shared_expert_intermediate_size=48, norm_topk_prob=True,
    more=dict(back_config={"norm_topk_prob": True}, warns="norm_topk_prob"))
add("qwen3_moe-dense", classes("Qwen3Moe"), "qwen3_moe", num_experts=4, num_experts_per_tok=2,
    moe_intermediate_size=40, decoder_sparse_step=2, head_dim=24, norm_topk_prob=True,
    more=dict(refused="mlp_only_layers"))
add("qwen3_moe-bias", classes("Qwen3Moe"), "qwen3_moe", num_experts=4, num_experts_per_tok=2,
    moe_intermediate_size=40, head_dim=24, norm_topk_prob=False, attention_bias=True,
    more=dict(back_config={"norm_topk_prob": False}, not_run="refused", warns="attention_bias"))
add("llama-mqa-head", classes("Llama"), "llama", num_key_value_heads=1, head_dim=24)
add("llama-llama3", classes("Llama"), "llama-tied-llama3rope", head_dim=32, rope_parameters=dict(
    rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0,
    high_freq_factor=4.0, original_max_position_embeddings=64))
add("llama-dynamic", classes("Llama"), "llama", rope_parameters=dict(
    rope_type="dynamic", rope_theta=10000.0, factor=2.0))
add("llama-longrope", classes("Llama"), "llama", rope_parameters=dict(
    rope_type="longrope", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=64,
    short_factor=[1.0 + 0.1 * i for i in range(8)], long_factor=[2.0 + i for i in range(8)]),
    more=dict(not_run="it does not know the scaling", warns="rope_scaling",
              back_config={"rope_scaling": dict(
                  rope_type="longrope", factor=4.0, original_max_position_embeddings=64,
                  short_factor=[1.0 + 0.1 * i for i in range(8)],
                  long_factor=[2.0 + i for i in range(8)])}))
add("gemma3-linear", ("Gemma3TextConfig", "Gemma3ForCausalLM"), "gemma3", num_hidden_layers=6,
    head_dim=24, query_pre_attn_scalar=24, sliding_window=8, rope_parameters=dict(
        full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
        sliding_attention=dict(rope_type="default", rope_theta=10000.0)),
    more=dict(shifted="*norm.weight"))
add("gemma3-cap", ("Gemma3TextConfig", "Gemma3ForCausalLM"), "gemma3", num_hidden_layers=6,
    head_dim=24, query_pre_attn_scalar=24, sliding_window=8, final_logit_softcapping=20.0,
    more=dict(shifted="*norm.weight"))
add("gemma2-nocap", classes("Gemma2"), "gemma2", head_dim=24, query_pre_attn_scalar=24,
    sliding_window=8,
    more=dict(shifted="*norm.weight"))
add("gemma-mqa", classes("Gemma"), "gemma", num_key_value_heads=1, head_dim=24,
    more=dict(exempt=("tokenizer.ggml.eot_token_id",), shifted="*norm.weight"))
GPT2 = dict(vocab_size=360, n_embd=64, n_layer=2, n_head=4, n_positions=64)
add("gpt2-inner", ("GPT2Config", "GPT2LMHeadModel"), "gpt2", base=GPT2, n_inner=96,
    more=dict(not_run="refused", warns="n_inner", added={"n_ctx": 64}))
add("gpt2-layer-idx", ("GPT2Config", "GPT2LMHeadModel"), "gpt2", base=GPT2,
    scale_attn_by_inverse_layer_idx=True, more=dict(
        added={"n_ctx": 64}, warns="scale_attn_by_inverse_layer_idx",
        back_config={"scale_attn_by_inverse_layer_idx": True}))
add("gpt2-untied", ("GPT2Config", "GPT2LMHeadModel"), "gpt2", base=GPT2,
    tie_word_embeddings=False, more=dict(added={"n_ctx": 64}))
NEOX = dict(vocab_size=360, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=128)
add("gpt_neox-serial", classes("GPTNeoX"), "gpt_neox", base=NEOX, use_parallel_residual=False,
    rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5),
    more=dict(added={"rotary_pct": 0.5}))
add("gpt_neox-base", classes("GPTNeoX"), "gpt_neox", base=NEOX,
    rope_parameters=dict(rope_type="default", rope_theta=50000.0, partial_rotary_factor=0.25),
    more=dict(not_run="the reference lacks the base", added={"rotary_pct": 0.25},
              back_config={"rotary_emb_base": 50000.0}))
add("gpt_neox-nobias", classes("GPTNeoX"), "gpt_neox", base=NEOX, attention_bias=False,
    more=dict(not_run="refused", warns="attention_bias", added={"rotary_pct": 0.25}))
add("gpt_neox-tied", classes("GPTNeoX"), "gpt_neox", base=NEOX, tie_word_embeddings=True,
    more=dict(not_run="refused", warns="tie_word_embeddings", added={"rotary_pct": 0.25}))
FALCON = dict(vocab_size=360, hidden_size=64, num_hidden_layers=2, num_attention_heads=4)
add("falcon-mha", classes("Falcon"), "falcon-7b", base=FALCON, multi_query=False,
    parallel_attn=True, new_decoder_architecture=False)
add("falcon-alibi", classes("Falcon"), "falcon-7b", base=FALCON, alibi=True,
    more=dict(refused="alibi"))
add("falcon-one-norm", classes("Falcon"), "falcon-7b", base=FALCON, new_decoder_architecture=True,
    num_kv_heads=2, num_ln_in_parallel_attn=1)
add("falcon-new-bias", classes("Falcon"), "falcon-7b", base=FALCON, new_decoder_architecture=True,
    num_kv_heads=2, bias=True, more=dict(refused="bias"))
add("stablelm-bias", classes("StableLm"), "stablelm", use_qkv_bias=True,
    rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5))
add("stablelm-parallel", classes("StableLm"), "stablelm", use_parallel_residual=True,
    tie_word_embeddings=True,
    more=dict(not_run="refused", warns="tie_word_embeddings"))
add("starcoder2-nobias", classes("Starcoder2"), "starcoder2", use_bias=False,
    more=dict(not_run="refused", warns="use_bias"))
add("starcoder2-window", classes("Starcoder2"), "starcoder2", sliding_window=8,
    tie_word_embeddings=False,
    more=dict(back_config={"sliding_window": 8}, warns="sliding_window"))
add("olmo2-mha", classes("Olmo2"), "olmo2", num_key_value_heads=4)
add("olmo2-gqa", classes("Olmo2"), "olmo2")
add("olmo2-bias", classes("Olmo2"), "olmo2", num_key_value_heads=4, attention_bias=True,
    more=dict(not_run="refused", warns="attention_bias"))
add("olmo3", classes("Olmo3"), "olmo2", num_key_value_heads=4, num_hidden_layers=4,
    sliding_window=8)
add("olmo-plain", classes("Olmo"), "olmo", num_key_value_heads=4, tie_word_embeddings=True)
add("olmoe-clip", classes("Olmoe"), "olmoe", num_experts=4, num_experts_per_tok=2, clip_qkv=1.0,
    norm_topk_prob=True,
    more=dict(not_run="refused", warns="clip_qkv",
              back_config={"clip_qkv": 1.0, "norm_topk_prob": True}))
add("cohere-qknorm", classes("Cohere"), "cohere", use_qk_norm=True,
    more=dict(not_run="refused", warns="use_qk_norm"))
add("cohere-bias", classes("Cohere"), "cohere", attention_bias=True,
    more=dict(not_run="refused", warns="attention_bias"))
add("cohere-mha", classes("Cohere"), "cohere", num_key_value_heads=4, logit_scale=0.5,
    rope_parameters=dict(rope_type="default", rope_theta=20000.0))
add("cohere2-pattern", classes("Cohere2"), "cohere2", num_hidden_layers=4, head_dim=24,
    sliding_window=8, more=dict(not_run="refused", warns="head_dim", added={"rotary_pct": 1.0}))
add("granite-bias", classes("Granite"), "granite", attention_bias=True, mlp_bias=True,
    embedding_multiplier=12.0, logits_scaling=8.0, residual_multiplier=0.22,
    attention_multiplier=0.015)
add("granitemoe-more", classes("GraniteMoe"), "granite", num_local_experts=4,
    num_experts_per_tok=2, embedding_multiplier=3.0, attention_multiplier=0.1)
add("granitemoeshared", classes("GraniteMoeShared"), "granite", num_local_experts=4,
    num_experts_per_tok=2, shared_intermediate_size=40)
MLA = dict(SIZES, num_key_value_heads=4, q_lora_rank=24, kv_lora_rank=16, qk_nope_head_dim=12,
           qk_rope_head_dim=8, v_head_dim=10, moe_intermediate_size=40, n_routed_experts=8,
           num_experts_per_tok=2, first_k_dense_replace=1)
add("deepseek_v3-groups", classes("DeepseekV3"), "deepseek_v3", base=MLA, n_group=1, topk_group=1,
    n_shared_experts=2, norm_topk_prob=False,
    more=dict(added={"scoring_func": "sigmoid", "topk_method": "noaux_tc"}))
add("deepseek_v3-yarn", classes("DeepseekV3"), "deepseek_v3", base=MLA, n_group=2, topk_group=1,
    n_shared_experts=1, rope_parameters=dict(
        rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=64,
        mscale=1.0, mscale_all_dim=1.0, beta_fast=32.0, beta_slow=1.0),
    more=dict(not_run="the reference has a softmax router"))
add("deepseek_v3-bias", classes("DeepseekV3"), "deepseek_v3", base=MLA, n_group=2, topk_group=1,
    attention_bias=True, n_shared_experts=1,
    more=dict(not_run="refused", warns="attention_bias"))
add("gpt_oss-yarn", classes("GptOss"), "gpt_oss", head_dim=16, num_local_experts=4,
    sliding_window=8, rope_parameters=dict(
        rope_type="yarn", rope_theta=150000.0, factor=4.0, beta_fast=32.0, beta_slow=1.0,
        truncate=False, original_max_position_embeddings=64))
add("llama4-all", ("Llama4TextConfig", "Llama4ForCausalLM"), "llama4", num_hidden_layers=4,
    head_dim=16, num_local_experts=4, intermediate_size_mlp=80, interleave_moe_layer_step=1,
    attention_chunk_size=8, moe_layers=None,
    more=dict(back_config={"attention_chunk_size": 8}, warns="attention_chunk_size"))
add("smollm3-interval", classes("SmolLM3"), "smollm3", num_hidden_layers=4,
    no_rope_layer_interval=2,
    more=dict(back_config={"no_rope_layers": [1, 0, 1, 0]}, warns="no_rope_layers"))
add("ernie4_5-bias", classes("Ernie4_5"), "ernie4_5", head_dim=16, use_bias=True,
    more=dict(not_run="refused", warns="use_bias"))
add("ernie4_5-head", classes("Ernie4_5"), "ernie4_5", head_dim=24, num_key_value_heads=4)
NEMOTRON = dict(shifted="*norm.weight", exempt=("tokenizer.ggml.padding_token_id",
                                               "tokenizer.ggml.unknown_token_id"))
add("nemotron-head", classes("Nemotron"), "nemotron", head_dim=24,
    more=dict(NEMOTRON, not_run="refused", warns="head_dim"))
add("nemotron-bias", classes("Nemotron"), "nemotron", attention_bias=True, mlp_bias=True,
    more=NEMOTRON)
T5 = dict(vocab_size=360, d_model=64, d_kv=12, d_ff=80, num_layers=2, num_heads=4,
          relative_attention_num_buckets=16)
add("t5-gated", ("T5Config", "T5ForConditionalGeneration"), "t5", base=T5,
    feed_forward_proj="gated-gelu", tie_word_embeddings=False,
    more=dict(not_run="an encoder", added={"decoder_start_token_id": 0}))
add("mt5", ("MT5Config", "MT5ForConditionalGeneration"), "t5", base=T5,
    more=dict(not_run="an encoder"))
BERT = dict(vocab_size=360, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=96, max_position_embeddings=64)
E_ENC = dict(encoder=True, lost=["pooler.*", "cls.*", "lm_head.*", "*position_embeddings.weight"])
add("bert-types", ("BertConfig", "BertModel"), "bert", base=BERT, type_vocab_size=3,
    layer_norm_eps=1e-6, more=E_ENC)
add("modernbert-more", ("ModernBertConfig", "ModernBertModel"), "modernbert",
    base=dict(BERT, num_hidden_layers=4), local_attention=8, global_attn_every_n_layers=2,
    pad_token_id=0, bos_token_id=None, eos_token_id=None, cls_token_id=1, sep_token_id=2,
    more=E_ENC)
add("phi-gqa", classes("Phi"), "phi", intermediate_size=256,
    more=dict(not_run="refused", warns="num_key_value_heads"))
add("phi3-partial", classes("Phi3"), "phi3", tie_word_embeddings=True, rope_parameters=dict(
    rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5),
    original_max_position_embeddings=256)
add("phi3-partial-longrope", classes("Phi3"), "phi3", rope_parameters=dict(
    rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.5,
    short_factor=[1.0 + 0.1 * i for i in range(4)], long_factor=[2.0 + i for i in range(4)]),
    original_max_position_embeddings=64)
add("gpt_bigcode-mha", ("GPTBigCodeConfig", "GPTBigCodeForCausalLM"), "gpt_bigcode",
    base=GPT2, multi_query=False,
    more=dict(not_run="refused", warns="multi_query"))
add("mistral-window", classes("Mistral"), "mistral", sliding_window=None, head_dim=24,
    tie_word_embeddings=True)
add("mixtral-window", classes("Mixtral"), "mixtral", num_local_experts=4, sliding_window=8,
    num_experts_per_tok=3,
    more=dict(back_config={"sliding_window": 8}, warns="sliding_window"))
add("exaone4-plain", classes("Exaone4"), "exaone4", sliding_window=None, head_dim=24,
    layer_types=["full_attention"] * 3,
    more=dict(not_run="refused", warns="head_dim"))
add("glm4-full", classes("Glm4"), "glm4", head_dim=24, attention_bias=False,
    rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=1.0))
add("mamba-more", classes("Mamba"), "mamba", base=dict(
    vocab_size=360, hidden_size=48, state_size=8, num_hidden_layers=2, intermediate_size=96,
    time_step_rank=5), tie_word_embeddings=False, more=EXP)
add("bloom-untied", classes("Bloom"), "bloom", base=dict(
    vocab_size=360, hidden_size=64, n_layer=2, n_head=4), tie_word_embeddings=False)
add("minicpm3", classes("MiniCPM3"), "llama", q_lora_rank=24, kv_lora_rank=16,
    qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, num_key_value_heads=4)
add("mamba2-odd", classes("Mamba2"), "gpt_neox", base=dict(
    vocab_size=360, hidden_size=64, state_size=16, num_hidden_layers=2, num_heads=8, head_dim=16,
    n_groups=1, expand=2), tie_word_embeddings=True, more=dict(
        EXP, not_run="the reference has more tokens than rows",
        exempt=("tokenizer.ggml.tokens", "tokenizer.ggml.token_type")))
add("phi-inner", classes("Phi"), "phi", num_key_value_heads=4,
    more=dict(not_run="refused", warns="intermediate_size"))
add("falcon-ffn", classes("Falcon"), "falcon-7b", base=FALCON, new_decoder_architecture=True,
    num_kv_heads=2, ffn_hidden_size=96, more=dict(not_run="refused", warns="ffn_hidden_size"))
add("ernie4_5_moe-odd", classes("Ernie4_5_Moe"), "ernie4_5", moe_num_experts=4, moe_k=2,
    moe_intermediate_size=40, moe_num_shared_experts=1, moe_layer_start_index=2,
    moe_layer_end_index=2, more=dict(not_run="refused", warns="moe_num_shared_experts"))
add("glm4_moe-plain", classes("Glm4Moe"), "glm4", head_dim=24, moe_intermediate_size=40,
    n_routed_experts=8, num_experts_per_tok=2, first_k_dense_replace=2, use_qk_norm=False,
    num_nextn_predict_layers=0, routed_scaling_factor=2.5, norm_topk_prob=False)
add("mpt-clip", classes("Mpt"), "gpt_neox", pre="mpt",
    base=dict(vocab_size=360, d_model=64, n_heads=4, n_layers=3, max_seq_len=64),
    attn_config=dict(clip_qkv=1.0, alibi_bias_max=16))
add("phimoe-plain", classes("Phimoe"), "phi3", num_local_experts=4, more=dict(
    added={"original_max_position_embeddings": 256}, not_run="refused", warns="attention_bias"))
add("minimax_m2-full", classes("MiniMaxM2"), "gpt_oss", pre="minimax-m2", head_dim=16,
    num_local_experts=4, num_experts_per_tok=2,
    more=dict(added={"scoring_func": "sigmoid", "rotary_dim": 16}))
add("afmoe-dense", classes("Afmoe"), "qwen3", head_dim=24, moe_intermediate_size=40,
    num_experts=4, num_experts_per_tok=2, num_shared_experts=2, num_dense_layers=2,
    sliding_window=8, num_hidden_layers=4, mup_enabled=False, route_scale=2.0, more=dict(
        added={"route_norm": True, "score_func": "sigmoid"}, warns="mup_enabled",
        back_config={"mup_enabled": False}))
add("hunyuan_v1_dense-alpha", classes("HunYuanDenseV1"), "deepseek_v3", pre="hunyuan-dense",
    head_dim=24, max_position_embeddings=32768, rope_parameters=dict(
        rope_type="dynamic", rope_theta=10000.0, alpha=1000.0, factor=1.0))
add("arcee-yarn", classes("Arcee"), "llama-tied-llama3rope", tie_word_embeddings=True,
    rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0,
                         original_max_position_embeddings=64))
add("arcee-bias", classes("Arcee"), "llama-tied-llama3rope", attention_bias=True, mlp_bias=True,
    more=dict(not_run="refused", warns="mlp_bias"))
add("seed_oss-bias", classes("SeedOss"), "qwen3", head_dim=24, attention_out_bias=True,
    mlp_bias=True, more=dict(not_run="refused", warns="attention_out_bias"))
add("dbrx-wide", classes("Dbrx"), "olmo2",
    base=dict(vocab_size=360, d_model=64, n_heads=4, n_layers=2, max_seq_len=128,
              rope_parameters=dict(rope_type="default", rope_theta=10000.0),
              attn_config=dict(kv_n_heads=4, clip_qkv=8.0, rope_theta=10000.0),
              ffn_config=dict(ffn_hidden_size=64, moe_num_experts=4, moe_top_k=1,
                              hidden_size=64, ffn_act_fn={"name": "silu"})))

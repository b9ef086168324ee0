#include "arch/blocks.h"
#include "arch/families.h"

// DBRX: clipped q, k and v in one matrix; all experts of a layer in one matrix each, the down
// projection transposed. Attention and experts are objects of their own in the config.
namespace recast {

namespace {

constexpr Fact clip{"clip_qkv"}, norm_experts{"moe_normalize_expert_weights"};

constexpr Cell fused{"transformer.blocks.{}.norm_attn_norm.attn.Wqkv"};
constexpr TensorRow tensors[] = {
    {Role::token_embd, {"transformer.wte"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::attn_norm, {"transformer.blocks.{}.norm_attn_norm.norm_1"}, {"blk.{}.attn_norm"},
     {Dim::hidden}},
    {Role::attn_q, fused, {"blk.{}.attn_qkv"}, {Dim::q, Dim::hidden}},
    {Role::attn_k, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}},
    {Role::attn_v, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}},
    {Role::attn_output, {"transformer.blocks.{}.norm_attn_norm.attn.out_proj"},
     {"blk.{}.attn_output"}, {Dim::hidden, Dim::q}},
    {Role::attn_output_norm, {"transformer.blocks.{}.norm_attn_norm.norm_2"},
     {"blk.{}.attn_output_norm"}, {Dim::hidden}},
    {Role::router, {"transformer.blocks.{}.ffn.router.layer"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}},
    {Role::expert_gate,
     {"transformer.blocks.{}.ffn.experts.mlp.w1", nullptr, "", ".bias", Form::flat},
     {"blk.{}.ffn_gate_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_up,
     {"transformer.blocks.{}.ffn.experts.mlp.v1", nullptr, "", ".bias", Form::flat},
     {"blk.{}.ffn_up_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_down,
     {"transformer.blocks.{}.ffn.experts.mlp.w2", nullptr, "", ".bias", Form::flat_transposed},
     {"blk.{}.ffn_down_exps"}, {Dim::experts, Dim::hidden, Dim::ffn}},
    {Role::output_norm, {"transformer.norm_f"}, {"output_norm"}, {Dim::hidden}},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "n_layers num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "max_seq_len", KeyKind::integer, "2048", "context_length"},
    {Fact::hidden, "d_model hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "ffn_config.ffn_hidden_size", KeyKind::integer, "3584", "feed_forward_length"},
    {Fact::heads, "n_heads num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::kv_heads, "attn_config.kv_n_heads num_key_value_heads", KeyKind::integer, "1",
     "attention.head_count_kv"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {clip, "attn_config.clip_qkv", KeyKind::optional_real, "null", "attention.clamp_kqv"},
    {Fact::experts, "ffn_config.moe_num_experts", KeyKind::integer, "4", "expert_count"},
    {Fact::experts_used, "ffn_config.moe_top_k", KeyKind::integer, "1", "expert_used_count"},
    {norm_experts, "ffn_config.moe_normalize_expert_weights", KeyKind::optional_real, "1.0", ""},
    {Fact::rope_theta, "attn_config.rope_theta rope_theta", KeyKind::real, "10000.0",
     "rope.freq_base"},
};
constexpr GgufKey gguf_keys[] = {
    {"attention.layer_norm_epsilon",
     [](const ModelFacts&) { return std::optional(MetaValue::f32(1e-5f)); }},
};

}  // namespace

const Architecture dbrx = {
    .name = "dbrx",
    .classes = "DbrxForCausalLM DbrxModel",
    .gguf = "dbrx",
    .tensors = {tensors},
    .keys = {keys, blocks::untied},
    .gguf_keys = {gguf_keys},
    .constants = R"({"attn_config": {"attn_pdrop": 0.0}, "emb_pdrop": 0.0, "ffn_config":
                     {"ffn_act_fn": {"name": "silu"}, "moe_jitter_eps": null,
                     "moe_loss_weight": 0.01}, "initializer_range": 0.02,
                     "output_router_logits": false, "resid_pdrop": 0.0, "use_cache": true})",
    .prefixes = "transformer.",
    .limits = {{GgufLimit::Kind::unloadable, "attn_config.clip_qkv", "needs a bound",
                [](const ModelFacts& m) { return !m.facts.has(clip); }},
               blocks::needs_own_head,
               {GgufLimit::Kind::ignored, "ffn_config.moe_normalize_expert_weights",
                "divides the weights of the experts by their sum",
                [](const ModelFacts& m) { return m.facts.real(norm_experts) != 1; }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

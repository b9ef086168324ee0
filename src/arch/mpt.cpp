#include "arch/blocks.h"
#include "arch/families.h"

// MPT: ALiBi, norms and matrices that mostly have no bias, an MLP of four times the width; what is
// said of attention is an object of its own in the config.
namespace recast {

namespace {

constexpr Fact clip{"clip_qkv"}, alibi{"alibi"}, alibi_max{"alibi_bias_max"},
    softmax_scale{"softmax_scale"};

constexpr Cell fused{"transformer.blocks.{}.attn.Wqkv"};
constexpr TensorRow tensors[] = {
    {Role::token_embd, {"transformer.wte"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::position_embd, {"transformer.wpe"}, {"position_embd"}, {Dim::context, Dim::hidden},
     Needed::optional},
    {Role::attn_norm, {"transformer.blocks.{}.norm_1"}, {"blk.{}.attn_norm"}, {Dim::hidden},
     Needed::always, Needed::optional},
    {Role::attn_q, fused, {"blk.{}.attn_qkv"}, {Dim::q, Dim::hidden}, Needed::always,
     Needed::optional},
    {Role::attn_k, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}, Needed::always,
     Needed::optional},
    {Role::attn_v, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}, Needed::always,
     Needed::optional},
    {Role::attn_q_norm, {"transformer.blocks.{}.attn.q_ln"}, {"blk.{}.attn_q_norm"}, {Dim::q},
     Needed::optional, Needed::optional},
    {Role::attn_k_norm, {"transformer.blocks.{}.attn.k_ln"}, {"blk.{}.attn_k_norm"}, {Dim::kv},
     Needed::optional, Needed::optional},
    {Role::attn_output, {"transformer.blocks.{}.attn.out_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::optional},
    {Role::ffn_norm, {"transformer.blocks.{}.norm_2"}, {"blk.{}.ffn_norm"}, {Dim::hidden},
     Needed::always, Needed::optional},
    {Role::ffn_up, {"transformer.blocks.{}.ffn.up_proj"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::optional},
    {Role::ffn_down, {"transformer.blocks.{}.ffn.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::optional},
    {Role::output_norm, {"transformer.norm_f"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     Needed::optional},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "n_layers num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "max_seq_len", KeyKind::integer, "2048", "context_length"},
    {Fact::hidden, "d_model hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "", KeyKind::integer, four_hidden, "feed_forward_length"},
    {Fact::heads, "n_heads num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, "attention.head_count_kv", nullptr, false},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {Fact::norm_eps, "layer_norm_epsilon", KeyKind::real, "1e-05", "attention.layer_norm_epsilon",
     nullptr, false},
    {clip, "attn_config.clip_qkv", KeyKind::optional_real, "null", "attention.clamp_kqv"},
    {alibi, "attn_config.alibi", KeyKind::flag, "true", ""},
    {alibi_max, "attn_config.alibi_bias_max", KeyKind::integer, "8", "attention.max_alibi_bias",
     nullptr, false},
    {softmax_scale, "attn_config.softmax_scale", KeyKind::optional_real, "null", ""},
};
constexpr GgufKey gguf_keys[] = {
    {"attention.layer_norm_epsilon",
     [](const ModelFacts&) { return std::optional(MetaValue::f32(1e-5f)); }},
    {"attention.max_alibi_bias",
     [](const ModelFacts& m) {
       const int64_t bias = m.facts.flag(alibi) ? m.facts.integer(alibi_max) : 0;
       return std::optional(MetaValue::f32(static_cast<float>(bias)));
     }},
};

}  // namespace

const Architecture mpt = {
    .name = "mpt",
    .classes = "MptForCausalLM MPTForCausalLM MptModel",
    .gguf = "mpt",
    .tensors = {tensors},
    .keys = {keys, blocks::tied},
    .gguf_keys = {gguf_keys},
    .constants = R"({"attn_config": {"attn_impl": "torch", "attn_pdrop": 0, "attn_type":
                     "multihead_attention", "attn_uses_sequence_id": false, "prefix_lm": false,
                     "qk_ln": false}, "emb_pdrop": 0.0, "embedding_fraction": 1.0,
                     "expansion_ratio": 4, "init_device": "cpu", "initializer_range": 0.02,
                     "learned_pos_emb": true, "logit_scale": null, "no_bias": true,
                     "norm_type": "low_precision_layernorm", "resid_pdrop": 0.0,
                     "use_cache": false})",
    .prefixes = "transformer.",
    .ignored = {{"logit_scale", "null", "does not scale the logits"}},
    .limits = {{GgufLimit::Kind::ignored, "attn_config.softmax_scale", "scales by the head width",
                [](const ModelFacts& m) { return m.facts.has(softmax_scale); }},
               {GgufLimit::Kind::ignored, "layer_norm_epsilon", "takes 1e-5",
                [](const ModelFacts& m) { return m.facts.real(Fact::norm_eps) != 1e-5; }}},
    .dropped = ".attn.attn_bias",
    .rope = false,
};

}  // namespace recast

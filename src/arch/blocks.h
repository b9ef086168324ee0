#pragma once

#include "arch/architecture.h"

// What decoder families share, said once. A family composes these with rows of its own.
namespace recast::blocks {

inline constexpr TensorRow embedding[] = {
    {Role::token_embd, {"model.embed_tokens"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
};
inline constexpr TensorRow head[] = {
    {Role::output_norm, {"model.norm"}, {"output_norm"}, {Dim::hidden}},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
inline constexpr TensorRow norms[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.ffn_norm"},
     {Dim::hidden}},
};
// Rotary rows as they are; biases on q, k, v, o by `attention_bias`.
inline constexpr TensorRow attention[] = {
    {Role::attn_q, {"model.layers.{}.self_attn.q_proj"}, {"blk.{}.attn_q"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_k, {"model.layers.{}.self_attn.k_proj"}, {"blk.{}.attn_k"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_v, {"model.layers.{}.self_attn.v_proj"}, {"blk.{}.attn_v"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::attention_bias},
};
inline constexpr TensorRow gated_ffn[] = {
    {Role::ffn_gate, {"model.layers.{}.mlp.gate_proj"}, {"blk.{}.ffn_gate"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::mlp_bias},
    {Role::ffn_up, {"model.layers.{}.mlp.up_proj"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::mlp_bias},
    {Role::ffn_down, {"model.layers.{}.mlp.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::mlp_bias},
};
// Factors of scaled rotary embeddings: config values in HF, tensors in GGUF.
inline constexpr TensorRow rope_tensors[] = {
    {Role::rope_freqs, {""}, {"rope_freqs"}, {Dim::half_head}, Needed::optional},
    {Role::rope_factors_long, {""}, {"rope_factors_long"}, {Dim::half_head}, Needed::optional},
    {Role::rope_factors_short, {""}, {"rope_factors_short"}, {Dim::half_head}, Needed::optional},
};

inline constexpr KeyRow decoder_keys[] = {
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "", "context_length"},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "intermediate_size", KeyKind::integer, "", "feed_forward_length"},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
};
inline constexpr KeyRow kv_heads_default_heads[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, from_heads,
     "attention.head_count_kv"},
};
inline constexpr KeyRow head_dim_default_hidden[] = {
    {Fact::head_dim, "head_dim", KeyKind::integer, from_hidden, "attention.key_length", nullptr,
     false},
};
inline constexpr KeyRow rms_norm[] = {
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-06",
     "attention.layer_norm_rms_epsilon"},
};
inline constexpr KeyRow rope_base[] = {
    {Fact::rope_theta, "rope_theta", KeyKind::real, "10000.0", "rope.freq_base"},
};
inline constexpr KeyRow untied[] = {
    {Fact::tied, "tie_word_embeddings", KeyKind::flag, "false", "!output.weight"},
};
inline constexpr KeyRow tied[] = {
    {Fact::tied, "tie_word_embeddings", KeyKind::flag, "true", "!output.weight"},
};

// Keys that are computed for a GGUF.
inline std::optional<MetaValue> u32(int64_t value) {
  return MetaValue::u32(static_cast<uint32_t>(value));
}
inline bool has_usual_head_dim(const ModelFacts& m) {
  return m.facts.integer(Fact::head_dim) * m.facts.integer(Fact::heads) ==
         m.facts.integer(Fact::hidden);
}
inline constexpr GgufKey head_dim_keys[] = {
    {"attention.key_length",
     [](const ModelFacts& m) { return u32(m.facts.integer(Fact::head_dim)); }},
    {"attention.value_length",
     [](const ModelFacts& m) { return u32(m.facts.integer(Fact::head_dim)); }},
};
// For runtimes that compute the head width where it is the usual one.
inline constexpr GgufKey unusual_head_dim_keys[] = {
    {"attention.key_length",
     [](const ModelFacts& m) {
       return has_usual_head_dim(m) ? std::nullopt : u32(m.facts.integer(Fact::head_dim));
     }},
    {"attention.value_length",
     [](const ModelFacts& m) {
       return has_usual_head_dim(m) ? std::nullopt : u32(m.facts.integer(Fact::head_dim));
     }},
};
inline constexpr GgufKey rope_dimension_key[] = {
    {"rope.dimension_count", [](const ModelFacts& m) { return u32(rope_dimensions(m)); }},
};
inline constexpr GgufKey vocab_size_key[] = {
    {"vocab_size", [](const ModelFacts& m) { return u32(m.facts.integer(Fact::vocab)); }},
};

}  // namespace recast::blocks

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
inline constexpr TensorRow layer_norms[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.ffn_norm"},
     {Dim::hidden}, Needed::always, Needed::always},
};
inline constexpr TensorRow layer_norm_head[] = {
    {Role::output_norm, {"model.norm"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
// RMS norms behind attention and MLP, and none before (OLMo 2, EXAONE 4).
inline constexpr TensorRow post_norms[] = {
    {Role::attn_post_norm, {"model.layers.{}.post_attention_layernorm"},
     {"blk.{}.post_attention_norm"}, {Dim::hidden}},
    {Role::ffn_post_norm, {"model.layers.{}.post_feedforward_layernorm"}, {"blk.{}.post_ffw_norm"},
     {Dim::hidden}},
};
// Norms of q and k: over one head, the same for all; or over the full width.
inline constexpr TensorRow head_norms[] = {
    {Role::attn_q_norm, {"model.layers.{}.self_attn.q_norm"}, {"blk.{}.attn_q_norm"},
     {Dim::head_dim}},
    {Role::attn_k_norm, {"model.layers.{}.self_attn.k_norm"}, {"blk.{}.attn_k_norm"},
     {Dim::head_dim}},
};
inline constexpr TensorRow full_norms[] = {
    {Role::attn_q_norm, {"model.layers.{}.self_attn.q_norm"}, {"blk.{}.attn_q_norm"}, {Dim::q}},
    {Role::attn_k_norm, {"model.layers.{}.self_attn.k_norm"}, {"blk.{}.attn_k_norm"}, {Dim::kv}},
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
// The same with the rows of q and k in the order of interleaved rotary pairs in GGUF (Llama).
inline constexpr TensorRow permuted_attention[] = {
    {Role::attn_q, {"model.layers.{}.self_attn.q_proj"}, {"blk.{}.attn_q", &permute_rope},
     {Dim::q, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_k, {"model.layers.{}.self_attn.k_proj"}, {"blk.{}.attn_k", &permute_rope},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_v, {"model.layers.{}.self_attn.v_proj"}, {"blk.{}.attn_v"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::attention_bias},
};
// Biases on q, k and v by `attention_bias`, none on the output.
inline constexpr TensorRow qkv_biased_attention[] = {
    {Role::attn_q, {"model.layers.{}.self_attn.q_proj"}, {"blk.{}.attn_q"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_k, {"model.layers.{}.self_attn.k_proj"}, {"blk.{}.attn_k"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_v, {"model.layers.{}.self_attn.v_proj"}, {"blk.{}.attn_v"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}},
};
// Gate and up rows in one matrix, in both conventions.
inline constexpr TensorRow fused_ffn[] = {
    {Role::ffn_gate, {"model.layers.{}.mlp.gate_up_proj"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}},
    {Role::ffn_up, {"model.layers.{}.mlp.gate_up_proj"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}},
    {Role::ffn_down, {"model.layers.{}.mlp.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}},
};
inline constexpr TensorRow gated_ffn[] = {
    {Role::ffn_gate, {"model.layers.{}.mlp.gate_proj"}, {"blk.{}.ffn_gate"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::mlp_bias},
    {Role::ffn_up, {"model.layers.{}.mlp.up_proj"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::mlp_bias},
    {Role::ffn_down, {"model.layers.{}.mlp.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::mlp_bias},
};

// Layers with experts: those that Fact moe_layers marks, all where there is no such list.
inline constexpr Fact moe_layers{"moe_layers"};
inline bool has_experts(const ModelFacts& m, int layer) {
  return m.facts.integer(Fact::experts) > 0 &&
         (m.facts.list(moe_layers).empty() || m.facts.at_layer(moe_layers, layer) != 0);
}
inline bool any_dense(const ModelFacts& m) {
  for (int layer = 0; layer < m.facts.integer(Fact::layers); ++layer)
    if (!has_experts(m, layer)) return true;
  return false;
}
inline constexpr Needed moe{true, has_experts};
inline constexpr Needed dense{
    true, [](const ModelFacts& m, int layer) { return !has_experts(m, layer); }};

inline constexpr TensorRow router[] = {
    {Role::router, {"model.layers.{}.mlp.gate"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}, moe},
};
inline constexpr TensorRow experts[] = {
    {Role::expert_gate, {"model.layers.{}.mlp.experts.{e}.gate_proj"}, {"blk.{}.ffn_gate_exps"},
     {Dim::experts, Dim::expert_ffn, Dim::hidden}, moe},
    {Role::expert_up, {"model.layers.{}.mlp.experts.{e}.up_proj"}, {"blk.{}.ffn_up_exps"},
     {Dim::experts, Dim::expert_ffn, Dim::hidden}, moe},
    {Role::expert_down, {"model.layers.{}.mlp.experts.{e}.down_proj"}, {"blk.{}.ffn_down_exps"},
     {Dim::experts, Dim::hidden, Dim::expert_ffn}, moe},
};
// The same experts as transformers holds them in memory; some tools save that form. Single experts
// and a fused pair are older and newer forms in GGUF.
inline constexpr TensorRow fused_experts[] = {
    {Role::expert_gate, {"model.layers.{}.mlp.experts.gate_up_proj", nullptr, ""},
     {"blk.{}.ffn_gate_up_exps"}, {Dim::experts, Dim::expert_ffn, Dim::hidden}, moe},
    {Role::expert_up, {"model.layers.{}.mlp.experts.gate_up_proj", nullptr, ""},
     {"blk.{}.ffn_gate_up_exps"}, {Dim::experts, Dim::expert_ffn, Dim::hidden}, moe},
    {Role::expert_down, {"model.layers.{}.mlp.experts.down_proj", nullptr, ""},
     {"blk.{}.ffn_down.{e}"}, {Dim::experts, Dim::hidden, Dim::expert_ffn}, moe},
};
// Added to the scores when experts are chosen, not to their weights (DeepSeek V3).
inline constexpr TensorRow correction_bias[] = {
    {Role::router_bias, {"model.layers.{}.mlp.gate", nullptr, ".e_score_correction_bias"},
     {"blk.{}.exp_probs_b", nullptr, ".bias"}, {Dim::experts}, moe},
};
// Experts that every token takes, in one matrix.
inline constexpr Fact shared_count{"n_shared_experts"};
inline constexpr Dim shared_rows{shared_count, [](const ModelFacts& m) {
  return m.facts.integer(shared_count) * m.facts.integer(Fact::expert_ffn);
}};
inline constexpr Needed with_shared{true, [](const ModelFacts& m, int layer) {
  return has_experts(m, layer) && m.facts.integer(shared_count) > 0;
}};
inline constexpr TensorRow shared_experts[] = {
    {Role::shared_gate, {"model.layers.{}.mlp.shared_experts.gate_proj"},
     {"blk.{}.ffn_gate_shexp"}, {shared_rows, Dim::hidden}, with_shared},
    {Role::shared_up, {"model.layers.{}.mlp.shared_experts.up_proj"}, {"blk.{}.ffn_up_shexp"},
     {shared_rows, Dim::hidden}, with_shared},
    {Role::shared_down, {"model.layers.{}.mlp.shared_experts.down_proj"},
     {"blk.{}.ffn_down_shexp"}, {Dim::hidden, shared_rows}, with_shared},
};
// Experts of Mixtral's names, w1 the gate, w2 down, w3 up.
inline constexpr TensorRow sparse_moe[] = {
    {Role::router, {"model.layers.{}.block_sparse_moe.gate"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}},
    {Role::expert_gate, {"model.layers.{}.block_sparse_moe.experts.{e}.w1"},
     {"blk.{}.ffn_gate_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_down, {"model.layers.{}.block_sparse_moe.experts.{e}.w2"},
     {"blk.{}.ffn_down_exps"}, {Dim::experts, Dim::hidden, Dim::ffn}},
    {Role::expert_up, {"model.layers.{}.block_sparse_moe.experts.{e}.w3"},
     {"blk.{}.ffn_up_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
};
inline constexpr TensorRow dense_ffn[] = {
    {Role::ffn_gate, {"model.layers.{}.mlp.gate_proj"}, {"blk.{}.ffn_gate"},
     {Dim::ffn, Dim::hidden}, dense},
    {Role::ffn_up, {"model.layers.{}.mlp.up_proj"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     dense},
    {Role::ffn_down, {"model.layers.{}.mlp.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, dense},
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

// GGUF column of a flag that its runtimes take for true.
inline constexpr std::string_view always = "?token_embd.weight";
inline constexpr KeyRow layer_norm[] = {
    {Fact::norm_eps, "layer_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_epsilon"},
};
inline constexpr KeyRow attention_bias[] = {
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "false", "?blk.*.attn_q.bias"},
};
inline constexpr KeyRow mlp_bias[] = {
    {Fact::mlp_bias, "mlp_bias", KeyKind::flag, "false", "?blk.*.ffn_down.bias"},
};

// Which layers have a dense MLP among experts: listed ones, and all but every n-th (Qwen).
inline constexpr Fact sparse_step{"sparse_step"}, dense_layers{"mlp_only_layers"};
inline constexpr KeyRow sparse_keys[] = {
    {sparse_step, "decoder_sparse_step", KeyKind::integer, "1", ""},
    {dense_layers, "mlp_only_layers", KeyKind::layer_indices, "[]", ""},
};
void settle_sparse(ModelFacts& model);
// The first n layers are dense (DeepSeek).
inline constexpr Fact first_dense{"first_dense"};
void settle_first_dense(ModelFacts& model);

// What the runtimes of GGUF take for granted.
inline bool is_not_four_hidden(const ModelFacts& m) {
  return m.facts.integer(Fact::ffn) != 4 * m.facts.integer(Fact::hidden);
}
inline bool has_fewer_kv_heads(const ModelFacts& m) {
  return m.facts.integer(Fact::kv_heads) != m.facts.integer(Fact::heads);
}
// Whether a list marks all layers but every n-th: those with a window, those with positions.
inline bool has_period(std::span<const int64_t> layers, int64_t n) {
  for (size_t i = 0; i < layers.size(); ++i)
    if ((layers[i] != 0) != ((static_cast<int64_t>(i) + 1) % n != 0)) return false;
  return true;
}
inline bool has_window_period(const ModelFacts& m, int64_t n) {
  return has_period(m.facts.list(Fact::window_layers), n);
}
inline constexpr Fact rope_layers{"no_rope_layers"};  // 1 where there are positions
inline bool has_other_rope_layers(const ModelFacts& m) {
  return !has_period(m.facts.list(rope_layers), 4);
}

inline constexpr GgufLimit needs_own_head = {
    GgufLimit::Kind::unloadable, "tie_word_embeddings", "needs a head of its own",
    [](const ModelFacts& m) { return m.facts.flag(Fact::tied); }};

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
inline constexpr GgufLimit needs_usual_head_dim = {
    GgufLimit::Kind::unloadable, "head_dim", "takes the width by the count of heads",
    [](const ModelFacts& m) { return !has_usual_head_dim(m); }};
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
// What the runtime takes, and the reference says, whatever the width of the MLP is.
inline constexpr GgufKey four_hidden_key[] = {
    {"feed_forward_length",
     [](const ModelFacts& m) { return u32(4 * m.facts.integer(Fact::hidden)); }},
};
// Head widths by the count of heads: what some runtimes and the reference take for rotary
// dimensions even where heads have a width of their own.
inline double usual_head_dim(const ModelFacts& m) {
  const int64_t heads = m.facts.integer(Fact::heads);
  return heads > 0 ? static_cast<double>(m.facts.integer(Fact::hidden) / heads) : 1.0;
}
inline constexpr Conversion share_of_usual_width = {
    [](double n, const ModelFacts& m) { return static_cast<double>(
          static_cast<int64_t>(n * usual_head_dim(m))); },
    [](double n, const ModelFacts& m) { return n / usual_head_dim(m); }};
inline constexpr GgufKey usual_rope_dimension_key[] = {
    {"rope.dimension_count",
     [](const ModelFacts& m) {
       const double share =
           m.facts.has(Fact::partial_rotary) ? m.facts.real(Fact::partial_rotary) : 1.0;
       return u32(static_cast<int64_t>(share * usual_head_dim(m)));
     }},
};
// Heads and the width of one, by the rows of a projection.
inline constexpr Conversion rows_of_heads = {
    [](double n, const ModelFacts& m) {
      return n * static_cast<double>(m.facts.integer(Fact::heads));
    },
    [](double n, const ModelFacts& m) {
      const int64_t heads = m.facts.integer(Fact::heads);
      return heads > 0 ? n / static_cast<double>(heads) : 0.0;
    }};
inline constexpr Conversion rows_of_usual_heads = {
    [](double n, const ModelFacts& m) { return n * usual_head_dim(m); },
    [](double n, const ModelFacts& m) { return n / usual_head_dim(m); }};
inline constexpr GgufKey no_rope_scaling_key[] = {
    {"rope.scaling.type",
     [](const ModelFacts&) { return std::optional(MetaValue::string("none")); }},
};
inline constexpr GgufKey vocab_size_key[] = {
    {"vocab_size", [](const ModelFacts& m) { return u32(m.facts.integer(Fact::vocab)); }},
};

}  // namespace recast::blocks

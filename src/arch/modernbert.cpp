#include <algorithm>

#include "arch/blocks.h"
#include "arch/families.h"

// ModernBERT: an encoder with rotary positions, a gated MLP, and a window on two layers of three.
namespace recast {

namespace {

constexpr Fact norm_bias{"norm_bias"};
constexpr Needed biased_norm{true,
                             [](const ModelFacts& m, int) { return m.facts.flag(norm_bias); }};
// The embedding's norm serves the first layer.
constexpr Needed not_first{true, [](const ModelFacts&, int layer) { return layer > 0; }};
constexpr Needed bias_not_first{true, [](const ModelFacts& m, int layer) {
  return layer > 0 && m.facts.flag(norm_bias);
}};

constexpr TensorRow tensors[] = {
    {Role::token_embd, {"embeddings.tok_embeddings"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::token_embd_norm, {"embeddings.norm"}, {"token_embd_norm"}, {Dim::hidden},
     Needed::always, biased_norm},
    {Role::attn_norm, {"layers.{}.attn_norm"}, {"blk.{}.attn_norm"}, {Dim::hidden}, not_first,
     bias_not_first},
    {Role::attn_q, {"layers.{}.attn.Wqkv"}, {"blk.{}.attn_qkv"}, {Dim::q, Dim::hidden},
     Needed::always, Needed::attention_bias},
    {Role::attn_k, {"layers.{}.attn.Wqkv"}, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden},
     Needed::always, Needed::attention_bias},
    {Role::attn_v, {"layers.{}.attn.Wqkv"}, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden},
     Needed::always, Needed::attention_bias},
    {Role::attn_output, {"layers.{}.attn.Wo"}, {"blk.{}.attn_output"}, {Dim::hidden, Dim::q},
     Needed::always, Needed::attention_bias},
    {Role::ffn_norm, {"layers.{}.mlp_norm"}, {"blk.{}.ffn_norm"}, {Dim::hidden}, Needed::always,
     biased_norm},
    {Role::ffn_gate, {"layers.{}.mlp.Wi"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::mlp_bias},
    {Role::ffn_up, {"layers.{}.mlp.Wi"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::mlp_bias},
    {Role::ffn_down, {"layers.{}.mlp.Wo"}, {"blk.{}.ffn_down"}, {Dim::hidden, Dim::ffn},
     Needed::always, Needed::mlp_bias},
    {Role::output_norm, {"final_norm"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     biased_norm},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "", KeyKind::integer, from_heads, ""},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {Fact::norm_eps, "norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_epsilon"},
    {Fact::sliding_window, "local_attention", KeyKind::optional_integer, "128",
     "attention.sliding_window"},
    {Fact::window_layers, "layer_types global_attn_every_n_layers", KeyKind::layer_types,
     "=first:3", "attention.sliding_window_pattern", nullptr, false},
    {Fact::rope_theta, "global_rope_theta", KeyKind::real, "160000.0", "rope.freq_base"},
    {Fact::rope_theta_swa, "local_rope_theta", KeyKind::real, "10000.0", "rope.freq_base_swa"},
    {Fact::act, "hidden_activation", KeyKind::text, "\"gelu\"", "hidden_activation"},
    {norm_bias, "norm_bias", KeyKind::flag, "false", "?output_norm.bias"},
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "false", "?blk.*.attn_qkv.bias"},
};
constexpr GgufKey gguf_keys[] = {
    {"attention.causal", [](const ModelFacts&) { return std::optional(MetaValue::boolean(false)); }},
    {"attention.layer_norm_rms_epsilon",
     [](const ModelFacts& m) {
       return std::optional(MetaValue::f32(static_cast<float>(m.facts.real(Fact::norm_eps))));
     }},
};
// Of how many layers the first has no window; 0: no such count.
int64_t window_period(const ModelFacts& m) {
  const auto windows = m.facts.list(Fact::window_layers);
  const auto second = windows.empty() ? windows.end()
                                      : std::find(windows.begin() + 1, windows.end(), 0);
  const auto every = second == windows.end() ? int64_t{3} : second - windows.begin();
  for (size_t i = 0; i < windows.size(); ++i)
    if ((windows[i] == 0) != (static_cast<int64_t>(i) % every == 0)) return 0;
  return every;
}
constexpr GgufKey window_key[] = {
    {"attention.sliding_window_pattern",
     [](const ModelFacts& m) {
       const int64_t every = window_period(m);
       return every > 0 ? blocks::u32(every) : std::nullopt;
     }},
};

}  // namespace

const Architecture modernbert = {
    .name = "modernbert",
    .classes = "ModernBertModel ModernBertForMaskedLM ModernBertForSequenceClassification "
               "ModernBertForTokenClassification",
    .gguf = "modern-bert",
    .tensors = {tensors},
    .keys = {blocks::decoder_keys, keys, blocks::mlp_bias},
    .gguf_keys = {gguf_keys, window_key, blocks::no_rope_scaling_key, blocks::vocab_size_key},
    .constants = R"({"attention_dropout": 0.0, "classifier_activation": "gelu",
                     "classifier_bias": false, "classifier_dropout": 0.0,
                     "classifier_pooling": "cls", "decoder_bias": true, "embedding_dropout": 0.0,
                     "initializer_cutoff_factor": 2.0, "initializer_range": 0.02,
                     "mlp_dropout": 0.0, "sparse_pred_ignore_index": -100,
                     "sparse_prediction": false, "tie_word_embeddings": true})",
    .prefixes = "model.",
    .limits = {{GgufLimit::Kind::ignored, "layer_types", "has a window on all but every n-th layer",
                [](const ModelFacts& m) { return window_period(m) == 0; }}},
    .parts = "head. decoder. classifier.",
    .rope_by_layer_type = true,
};

}  // namespace recast

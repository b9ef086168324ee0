#include "arch/blocks.h"
#include "arch/families.h"

// Gemma 2 and 3: norms multiply by 1 + weight (stored computed in GGUF) and stand before and behind
// attention and MLP; windows on most layers; Gemma 3 has norms of q and k and a base of its own
// where there is a window.
namespace recast {

namespace {

constexpr TensorRow norms[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm", &plus_one},
     {Dim::hidden}},
    {Role::attn_post_norm, {"model.layers.{}.post_attention_layernorm"},
     {"blk.{}.post_attention_norm", &plus_one}, {Dim::hidden}},
    {Role::ffn_norm, {"model.layers.{}.pre_feedforward_layernorm"}, {"blk.{}.ffn_norm", &plus_one},
     {Dim::hidden}},
    {Role::ffn_post_norm, {"model.layers.{}.post_feedforward_layernorm"},
     {"blk.{}.post_ffw_norm", &plus_one}, {Dim::hidden}},
};
constexpr TensorRow head_norms[] = {
    {Role::attn_q_norm, {"model.layers.{}.self_attn.q_norm"}, {"blk.{}.attn_q_norm", &plus_one},
     {Dim::head_dim}},
    {Role::attn_k_norm, {"model.layers.{}.self_attn.k_norm"}, {"blk.{}.attn_k_norm", &plus_one},
     {Dim::head_dim}},
};
constexpr TensorRow head[] = {
    {Role::output_norm, {"model.norm"}, {"output_norm", &plus_one}, {Dim::hidden}},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};

constexpr Fact query_scale{"query_pre_attn_scalar"}, attn_cap{"attn_logit_softcapping"},
    final_cap{"final_logit_softcapping"};
// Neither of them has a key in a GGUF: the usual value is the head width.
constexpr KeyRow query_keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "4", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "256", "attention.key_length", nullptr, false},
    {query_scale, "query_pre_attn_scalar", KeyKind::integer, "256", "attention.key_length", nullptr,
     false},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "4096",
     "attention.sliding_window"},
};
constexpr KeyRow gemma2_keys[] = {
    {attn_cap, "attn_logit_softcapping", KeyKind::optional_real, "50.0",
     "attn_logit_softcapping"},
    {final_cap, "final_logit_softcapping", KeyKind::optional_real, "30.0",
     "final_logit_softcapping"},
    {Fact::window_layers, "layer_types", KeyKind::layer_types, "=period:2", ""},
};
constexpr KeyRow gemma3_keys[] = {
    {attn_cap, "attn_logit_softcapping", KeyKind::optional_real, "null", ""},
    {final_cap, "final_logit_softcapping", KeyKind::optional_real, "null",
     "final_logit_softcapping"},
    {Fact::window_layers, "layer_types _sliding_window_pattern sliding_window_pattern",
     KeyKind::layer_types, "=period:6", "", nullptr, false},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "1000000.0", "rope.freq_base"},
    {Fact::rope_theta_swa, "rope_local_base_freq", KeyKind::real, "10000.0",
     "rope.freq_base_swa"},
};

bool has_other_query_scale(const ModelFacts& m) {
  return m.facts.integer(query_scale) != m.facts.integer(Fact::head_dim);
}
constexpr std::string_view constants =
    R"({"attention_dropout": 0.0, "hidden_activation": "gelu_pytorch_tanh",
        "initializer_range": 0.02, "use_cache": true})";

}  // namespace

const Architecture gemma2 = {
    .name = "gemma2",
    .classes = "Gemma2ForCausalLM Gemma2Model",
    .gguf = "gemma2",
    .tensors = {blocks::embedding, norms, blocks::attention, blocks::gated_ffn, head},
    .keys = {blocks::decoder_keys, query_keys, gemma2_keys, blocks::attention_bias,
             blocks::rms_norm, blocks::rope_base, blocks::tied},
    .gguf_keys = {blocks::head_dim_keys},
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_activation", "\"gelu_pytorch_tanh\" \"gelu\" null",
                 "computes GELU by the tanh form"}},
    .limits = {{GgufLimit::Kind::ignored, "query_pre_attn_scalar", "scales by the head width",
                has_other_query_scale},
               {GgufLimit::Kind::ignored, "layer_types", "has a window on every other layer",
                [](const ModelFacts& m) { return !blocks::has_window_period(m, 2); }},
               {GgufLimit::Kind::ignored, "attn_logit_softcapping", "caps by 50 and 30",
                [](const ModelFacts& m) {
                  return !m.facts.has(attn_cap) || !m.facts.has(final_cap);
                }}},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture gemma3 = {
    .name = "gemma3_text",
    .classes = "Gemma3ForCausalLM Gemma3TextModel",
    .gguf = "gemma3",
    .tensors = {blocks::embedding, norms, blocks::attention, head_norms, blocks::gated_ffn, head},
    .keys = {blocks::decoder_keys, query_keys, gemma3_keys, blocks::attention_bias,
             blocks::rms_norm, blocks::tied},
    .gguf_keys = {blocks::head_dim_keys},
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_activation", "\"gelu_pytorch_tanh\" \"gelu\" null",
                 "computes GELU by the tanh form"},
                {"use_bidirectional_attention", "false null", "attends to earlier tokens"}},
    .limits = {{GgufLimit::Kind::ignored, "query_pre_attn_scalar", "scales by the head width",
                has_other_query_scale},
               {GgufLimit::Kind::ignored, "layer_types", "has no window on every sixth layer",
                [](const ModelFacts& m) { return !blocks::has_window_period(m, 6); }},
               {GgufLimit::Kind::ignored, "attn_logit_softcapping", "does not cap attention",
                [](const ModelFacts& m) { return m.facts.has(attn_cap); }}},
    .dropped = ".rotary_emb.inv_freq",
    .text_of = "gemma3",
    .rope_by_layer_type = true,
};

}  // namespace recast

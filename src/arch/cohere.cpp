#include "arch/blocks.h"
#include "arch/families.h"

// Command R: one LayerNorm without bias before a parallel block, interleaved rotary pairs, scaled
// logits; the second kind has a window on three layers of four and no positions on the fourth.
namespace recast {

namespace {

constexpr Fact logit_scale{"logit_scale"}, longest{"model_max_length"}, qk_norm{"use_qk_norm"};
constexpr Needed with_qk_norm{true,
                              [](const ModelFacts& m, int) { return m.facts.flag(qk_norm); }};
constexpr TensorRow norms[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::attn_q_norm, {"model.layers.{}.self_attn.q_norm"}, {"blk.{}.attn_q_norm"},
     {Dim::heads, Dim::head_dim}, with_qk_norm},
    {Role::attn_k_norm, {"model.layers.{}.self_attn.k_norm"}, {"blk.{}.attn_k_norm"},
     {Dim::kv_heads, Dim::head_dim}, with_qk_norm},
};
constexpr KeyRow context[] = {
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "8192", "context_length"},
    {longest, "model_max_length", KeyKind::optional_integer, "null", ""},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "intermediate_size", KeyKind::integer, "", "feed_forward_length"},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
};
constexpr KeyRow keys[] = {
    {logit_scale, "logit_scale", KeyKind::real, "0.0625", "logit_scale"},
    {qk_norm, "use_qk_norm", KeyKind::flag, "false", "?blk.*.attn_q_norm.weight"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "500000.0", "rope.freq_base"},
};
constexpr KeyRow cohere2_keys[] = {
    {logit_scale, "logit_scale", KeyKind::real, "0.0625", "logit_scale"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "4096",
     "attention.sliding_window"},
    {Fact::window_layers, "layer_types sliding_window_pattern _sliding_window_pattern",
     KeyKind::layer_types, "=period:4", ""},
    {Fact::partial_rotary, "rotary_pct partial_rotary_factor", KeyKind::real, "1.0",
     "rope.dimension_count", &blocks::share_of_usual_width, false},
};
constexpr std::string_view constants =
    R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
        "use_cache": true})";
// The published files say here how far the model was trained.
void settle(ModelFacts& model) {
  if (const int64_t n = model.facts.integer(longest); n > 0) model.facts.set(Fact::context, n);
}
bool is_biased(const ModelFacts& m) { return m.facts.flag(Fact::attention_bias); }

}  // namespace

const Architecture cohere = {
    .name = "cohere",
    .classes = "CohereForCausalLM CohereModel",
    .gguf = "command-r",
    .tensors = {blocks::embedding, norms, blocks::attention, blocks::gated_ffn, blocks::head},
    .keys = {context, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden, keys,
             blocks::attention_bias, blocks::layer_norm, blocks::tied},
    .gguf_keys = {blocks::unusual_head_dim_keys, blocks::no_rope_scaling_key},
    .settle = settle,
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::unloadable, "attention_bias", "has no biases of attention",
                is_biased},
               {GgufLimit::Kind::unloadable, "use_qk_norm",
                "has norms of q and k only from 64 layers on",
                [](const ModelFacts& m) {
                  return m.facts.flag(qk_norm) && m.facts.integer(Fact::layers) < 64;
                }}},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture cohere2 = {
    .name = "cohere2",
    .classes = "Cohere2ForCausalLM Cohere2Model",
    .gguf = "cohere2",
    .tensors = {blocks::embedding, norms, blocks::attention, blocks::gated_ffn, blocks::head},
    .keys = {context, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             cohere2_keys, blocks::attention_bias, blocks::layer_norm, blocks::rope_base,
             blocks::tied},
    .gguf_keys = {blocks::head_dim_keys, blocks::usual_rope_dimension_key,
                  blocks::vocab_size_key,
                  blocks::no_rope_scaling_key},
    .settle = settle,
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::unloadable, "attention_bias", "has no biases of attention",
                is_biased},
               blocks::needs_usual_head_dim,
               {GgufLimit::Kind::ignored, "layer_types", "has no window on every fourth layer",
                [](const ModelFacts& m) { return !blocks::has_window_period(m, 4); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

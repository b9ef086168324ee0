#include <cmath>

#include "arch/blocks.h"
#include "arch/families.h"

// MiniMax M2: norms over the full width of q and k, a part of each head turns, every layer has
// experts that are chosen by sigmoid scores and a correction.
namespace recast {

namespace {

constexpr Fact rotary{"rotary_dim"};
constexpr TensorRow experts[] = {
    {Role::router, {"model.layers.{}.block_sparse_moe.gate"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}},
    {Role::router_bias,
     {"model.layers.{}.block_sparse_moe", nullptr, ".e_score_correction_bias"},
     {"blk.{}.exp_probs_b", nullptr, ".bias"}, {Dim::experts}},
    {Role::expert_gate, {"model.layers.{}.block_sparse_moe.experts.{e}.w1"},
     {"blk.{}.ffn_gate_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_down, {"model.layers.{}.block_sparse_moe.experts.{e}.w2"},
     {"blk.{}.ffn_down_exps"}, {Dim::experts, Dim::hidden, Dim::ffn}},
    {Role::expert_up, {"model.layers.{}.block_sparse_moe.experts.{e}.w3"},
     {"blk.{}.ffn_up_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "attention.key_length", nullptr, false},
    {Fact::partial_rotary, "partial_rotary_factor", KeyKind::real, "1.0", ""},
    {rotary, "rotary_dim", KeyKind::optional_integer, "null", "rope.dimension_count", nullptr,
     false},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "5000000.0", "rope.freq_base"},
    {Fact::experts, "num_local_experts num_experts", KeyKind::integer, "256", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "8", "expert_used_count"},
};
// The published spelling of the share that turns.
void settle(ModelFacts& model) {
  const auto turned = static_cast<double>(model.facts.integer(rotary));
  const auto width = static_cast<double>(model.facts.integer(Fact::head_dim));
  if (turned == 0 || turned > width) return;
  const double share = turned / width;
  model.facts.set(Fact::partial_rotary,
                  std::floor(share * width) < turned ? std::nextafter(share, 1.0) : share);
}
constexpr GgufKey gguf_keys[] = {
    {"expert_feed_forward_length",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(Fact::ffn)); }},
    {"expert_gating_func", [](const ModelFacts&) { return blocks::u32(2); }},  // sigmoid
};

}  // namespace

const Architecture minimax_m2 = {
    .name = "minimax_m2",
    .classes = "MiniMaxM2ForCausalLM MiniMaxM2Model",
    .gguf = "minimax-m2",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention,
                blocks::full_norms, experts, blocks::head},
    .keys = {blocks::decoder_keys, keys, blocks::rms_norm, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, gguf_keys},
    .settle = settle,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "output_router_logits": false, "router_aux_loss_coef": 0.001,
                     "router_jitter_noise": 0.0, "scoring_func": "sigmoid", "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

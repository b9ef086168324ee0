#include <algorithm>

#include "arch/blocks.h"
#include "arch/families.h"

// ERNIE 4.5 MoE: ERNIE 4.5 with routed and shared experts from one layer to another.
namespace recast {

namespace {

constexpr Fact first{"moe_layer_start_index"}, last{"moe_layer_end_index"},
    step{"moe_layer_interval"};
constexpr TensorRow router[] = {
    {Role::router, {"model.layers.{}.mlp.gate"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}, blocks::moe},
    {Role::router_bias, {"model.layers.{}.mlp.moe_statics", nullptr, ".e_score_correction_bias"},
     {"blk.{}.exp_probs_b", nullptr, ".bias"}, {Dim::one, Dim::experts}, blocks::moe},
};
constexpr Conversion last_of_count = {[](double n, const ModelFacts&) { return n + 1; },
                                      [](double n, const ModelFacts&) { return n - 1; }};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "4", "attention.head_count_kv"},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "500000.0", "rope.freq_base"},
    {Fact::attention_bias, "use_bias", KeyKind::flag, "false", "?blk.*.attn_q.bias"},
    {Fact::experts, "moe_num_experts num_experts", KeyKind::integer, "64", "expert_count"},
    {Fact::experts_used, "moe_k num_experts_per_tok", KeyKind::integer, "6", "expert_used_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, "1536",
     "expert_feed_forward_length"},
    {blocks::shared_count, "moe_num_shared_experts", KeyKind::count, "2", "expert_shared_count"},
    {first, "moe_layer_start_index", KeyKind::count, "1", "leading_dense_block_count"},
    {last, "moe_layer_end_index", KeyKind::count, "27", "block_count", &last_of_count, false},
    {step, "moe_layer_interval", KeyKind::integer, "1", "interleave_moe_layer_step"},
};
void settle(ModelFacts& model) {
  const Facts& f = model.facts;
  const int64_t every = std::max<int64_t>(1, f.integer(step));
  std::vector<int64_t> flags;
  for (int64_t i = 0; i < f.integer(Fact::layers); ++i)
    flags.push_back((i + 1) % every == 0 && i >= f.integer(first) && i <= f.integer(last) ? 1 : 0);
  model.facts.set(blocks::moe_layers, std::move(flags));
}
// What the reference converter writes, and the runtime takes as the width of all shared experts.
int64_t stated_shared_width(const ModelFacts& m) {
  return m.facts.integer(Fact::ffn) / std::max<int64_t>(1, m.facts.integer(Fact::kv_heads));
}
constexpr GgufKey gguf_keys[] = {
    {"expert_shared_feed_forward_length",
     [](const ModelFacts& m) -> std::optional<MetaValue> {
       if (m.facts.integer(blocks::shared_count) == 0) return std::nullopt;
       return blocks::u32(stated_shared_width(m));
     }},
};
bool has_other_layers(const ModelFacts& m) {
  for (int i = 0; i < m.facts.integer(Fact::layers); ++i)
    if (blocks::has_experts(m, i) != (i >= m.facts.integer(first))) return true;
  return false;
}

}  // namespace

const Architecture ernie4_5_moe = {
    .name = "ernie4_5_moe",
    .classes = "Ernie4_5_MoeForCausalLM Ernie4_5_MoeModel",
    .gguf = "ernie4_5-moe",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention, router,
                blocks::experts, blocks::shared_experts, blocks::dense_ffn, blocks::head},
    .also_read = {blocks::fused_experts},
    .keys = {blocks::decoder_keys, keys, blocks::head_dim_default_hidden, blocks::tied},
    .gguf_keys = {blocks::unusual_head_dim_keys, gguf_keys},
    .settle = settle,
    .constants = R"({"hidden_act": "silu", "initializer_range": 0.02, "moe_norm_min": 1e-12,
                     "output_router_logits": false, "router_aux_loss_coef": 0.001,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::refused, "moe_layer_interval",
                "has experts in every layer from one on", has_other_layers},
               {GgufLimit::Kind::unloadable, "use_bias", "has no biases",
                [](const ModelFacts& m) { return m.facts.flag(Fact::attention_bias); }},
               {GgufLimit::Kind::unloadable, "moe_num_shared_experts",
                "takes the width of the MLP by the count of key heads for the shared experts",
                [](const ModelFacts& m) {
                  return m.facts.integer(blocks::shared_count) > 0 &&
                         blocks::shared_rows.extent(m) != stated_shared_width(m);
                }}},
    .dropped = ".rotary_emb.inv_freq",
    .parts = "model.mtp_",
};

}  // namespace recast

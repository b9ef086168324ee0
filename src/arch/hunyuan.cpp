#include <cmath>

#include "arch/blocks.h"
#include "arch/families.h"

// Hunyuan: norms over the heads of q and k behind the rotation; dense, or with experts in every
// layer beside an MLP that every token takes. A base stretched by a fixed alpha is written into a
// GGUF computed.
namespace recast {

namespace {

constexpr TensorRow head_norms[] = {
    {Role::attn_q_norm, {"model.layers.{}.self_attn.query_layernorm"}, {"blk.{}.attn_q_norm"},
     {Dim::head_dim}},
    {Role::attn_k_norm, {"model.layers.{}.self_attn.key_layernorm"}, {"blk.{}.attn_k_norm"},
     {Dim::head_dim}},
};
constexpr TensorRow mlp[] = {
    {Role::ffn_gate, {"model.layers.{}.mlp.gate_proj"}, {"blk.{}.ffn_gate"},
     {Dim::ffn, Dim::hidden}},
    {Role::ffn_up, {"model.layers.{}.mlp.up_proj"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden}},
    {Role::ffn_down, {"model.layers.{}.mlp.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}},
};
constexpr TensorRow experts[] = {
    {Role::router, {"model.layers.{}.mlp.gate.wg"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}},
    {Role::expert_gate, {"model.layers.{}.mlp.experts.{e}.gate_proj"}, {"blk.{}.ffn_gate_exps"},
     {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_up, {"model.layers.{}.mlp.experts.{e}.up_proj"}, {"blk.{}.ffn_up_exps"},
     {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_down, {"model.layers.{}.mlp.experts.{e}.down_proj"}, {"blk.{}.ffn_down_exps"},
     {Dim::experts, Dim::hidden, Dim::ffn}},
    {Role::shared_gate, {"model.layers.{}.mlp.shared_mlp.gate_proj"}, {"blk.{}.ffn_gate_shexp"},
     {Dim::ffn, Dim::hidden}},
    {Role::shared_up, {"model.layers.{}.mlp.shared_mlp.up_proj"}, {"blk.{}.ffn_up_shexp"},
     {Dim::ffn, Dim::hidden}},
    {Role::shared_down, {"model.layers.{}.mlp.shared_mlp.down_proj"}, {"blk.{}.ffn_down_shexp"},
     {Dim::hidden, Dim::ffn}},
};
constexpr KeyRow epsilon[] = {
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
};
constexpr KeyRow expert_keys[] = {
    {Fact::experts, "num_experts num_local_experts", KeyKind::integer, "1", "expert_count"},
    {Fact::experts_used, "moe_topk", KeyKind::integer, "1", "expert_used_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, from_ffn,
     "expert_feed_forward_length"},
    {blocks::shared_count, "num_shared_expert", KeyKind::integer, "1", "expert_shared_count"},
};

std::optional<double> alpha(const ModelFacts& m) {
  if (m.rope.type != "dynamic") return std::nullopt;
  for (const auto& [key, value] : m.rope.unknown)
    if (key == "alpha") return value.as_double();
  return std::nullopt;
}
std::optional<MetaValue> stretched_context(const ModelFacts& m) {
  return alpha(m) ? blocks::u32(256 * 1024) : std::nullopt;
}
constexpr GgufKey stretched_rope[] = {
    {"rope.freq_base",
     [](const ModelFacts& m) -> std::optional<MetaValue> {
       const auto stretch = alpha(m);
       if (!stretch) return std::nullopt;
       const auto width = static_cast<double>(rope_dimensions(m));
       return MetaValue::f32(static_cast<float>(m.facts.real(Fact::rope_theta) *
                                                std::pow(*stretch, width / (width - 2))));
     }},
    {"rope.scaling.type",
     [](const ModelFacts& m) {
       return alpha(m) ? std::optional(MetaValue::string("none")) : std::nullopt;
     }},
    {"rope.scaling.factor",
     [](const ModelFacts& m) {
       return alpha(m) ? std::optional(MetaValue::f32(1)) : std::nullopt;
     }},
    {"rope.scaling.original_context_length", stretched_context},
    {"context_length", stretched_context},
};
const GgufLimit has_biases = {GgufLimit::Kind::unloadable, "attention_bias",
                              "has no bias of the output",
                              [](const ModelFacts& m) {
                                return m.facts.flag(Fact::attention_bias);
                              }};
constexpr GgufKey shared_width[] = {
    {"expert_shared_feed_forward_length",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(Fact::ffn)); }},
};

}  // namespace

const Architecture hunyuan_dense = {
    .name = "hunyuan_v1_dense",
    .classes = "HunYuanDenseV1ForCausalLM HunYuanDenseV1Model",
    .gguf = "hunyuan-dense",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention,
                head_norms, mlp, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads,
             blocks::head_dim_default_hidden, epsilon, blocks::attention_bias, blocks::rope_base,
             blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, stretched_rope},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "pretraining_tp": 1, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {has_biases},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture hunyuan_moe = {
    .name = "hunyuan_v1_moe",
    .classes = "HunYuanMoEV1ForCausalLM HunYuanMoEV1Model",
    .gguf = "hunyuan-moe",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention,
                head_norms, experts, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads,
             blocks::head_dim_default_hidden, epsilon, expert_keys, blocks::attention_bias,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, shared_width, stretched_rope},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "output_router_logits": false, "pretraining_tp": 1, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {has_biases},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

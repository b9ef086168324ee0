#include "arch/blocks.h"
#include "arch/families.h"

// AFMoE (Trinity): a gate on what attention gives, norms before and behind both parts, windows with
// rotary positions on three layers of four and neither on the fourth, sigmoid routing.
namespace recast {

namespace {

constexpr Fact scale{"route_scale"}, mup{"mup_enabled"};
constexpr TensorRow tensors[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::attn_post_norm, {"model.layers.{}.post_attention_layernorm"},
     {"blk.{}.post_attention_norm"}, {Dim::hidden}},
    {Role::attn_gate, {"model.layers.{}.self_attn.gate_proj"}, {"blk.{}.attn_gate"},
     {Dim::q, Dim::hidden}},
    {Role::ffn_norm, {"model.layers.{}.pre_mlp_layernorm"}, {"blk.{}.ffn_norm"}, {Dim::hidden}},
    {Role::ffn_post_norm, {"model.layers.{}.post_mlp_layernorm"}, {"blk.{}.post_ffw_norm"},
     {Dim::hidden}},
    {Role::router, {"model.layers.{}.mlp.router.gate"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}, blocks::moe},
    {Role::router_bias, {"model.layers.{}.mlp", nullptr, ".expert_bias"},
     {"blk.{}.exp_probs_b", nullptr, ".bias"}, {Dim::experts}, blocks::moe},
};
constexpr KeyRow keys[] = {
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "attention.key_length", nullptr, false},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::experts, "num_experts num_local_experts", KeyKind::integer, "64", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "6", "expert_used_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, "1408",
     "expert_feed_forward_length"},
    {blocks::shared_count, "num_shared_experts", KeyKind::count, "2", "expert_shared_count"},
    {blocks::first_dense, "num_dense_layers", KeyKind::count, "1", "leading_dense_block_count"},
    {scale, "route_scale", KeyKind::real, "1.0", "expert_weights_scale"},
    // What the runtime does.
    {mup, "mup_enabled", KeyKind::flag, "false", "?token_embd.weight"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "1024",
     "attention.sliding_window"},
    {Fact::window_layers, "layer_types global_attn_every_n_layers", KeyKind::layer_types,
     "=period:4", ""},
};
constexpr GgufKey gguf_keys[] = {
    {"expert_weights_norm",
     [](const ModelFacts&) { return std::optional(MetaValue::boolean(true)); }},
    {"expert_gating_func", [](const ModelFacts&) { return blocks::u32(2); }},  // sigmoid
};

}  // namespace

const Architecture afmoe = {
    .name = "afmoe",
    .classes = "AfmoeForCausalLM AfmoeModel",
    .gguf = "afmoe",
    .tensors = {blocks::rope_tensors, blocks::embedding, tensors, blocks::attention,
                blocks::head_norms, blocks::dense_ffn, blocks::experts, blocks::shared_experts,
                blocks::head},
    .also_read = {blocks::fused_experts},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, keys, blocks::attention_bias,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, blocks::vocab_size_key,
                  gguf_keys},
    .settle = blocks::settle_first_dense,
    .constants = R"({"attention_dropout": 0.0, "global_attn_every_n_layers": 4, "hidden_act":
                     "silu", "initializer_range": 0.02, "output_router_logits": false,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::ignored, "mup_enabled",
                "multiplies the embedding by the root of the width",
                [](const ModelFacts& m) { return !m.facts.flag(mup); }},
               {GgufLimit::Kind::ignored, "layer_types", "has no window on every fourth layer",
                [](const ModelFacts& m) { return !blocks::has_window_period(m, 4); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

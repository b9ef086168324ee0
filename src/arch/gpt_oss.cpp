#include "arch/blocks.h"
#include "arch/families.h"

// gpt-oss: attention sinks, biases everywhere, windows on every other layer; the experts' gate and
// up rows take turns in one matrix that is stored [in, out].
namespace recast {

namespace {

constexpr Cell gate_up{"model.layers.{}.mlp.experts.gate_up_proj", nullptr, "", "_bias",
                       Form::transposed, Dim::ffn};
constexpr TensorRow tensors[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::attn_sinks, {"model.layers.{}.self_attn.sinks", nullptr, ""}, {"blk.{}.attn_sinks"},
     {Dim::heads}},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.post_attention_norm"},
     {Dim::hidden}},
    {Role::router, {"model.layers.{}.mlp.router"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}, Needed::always, Needed::always},
    {Role::expert_gate, gate_up, {"blk.{}.ffn_gate_exps"}, {Dim::experts, Dim::ffn, Dim::hidden},
     Needed::always, Needed::always},
    {Role::expert_up, gate_up, {"blk.{}.ffn_up_exps"}, {Dim::experts, Dim::ffn, Dim::hidden},
     Needed::always, Needed::always},
    {Role::expert_down,
     {"model.layers.{}.mlp.experts.down_proj", nullptr, "", "_bias", Form::transposed},
     {"blk.{}.ffn_down_exps"}, {Dim::experts, Dim::hidden, Dim::ffn}, Needed::always,
     Needed::always},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "64", "attention.key_length", nullptr, false},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "150000.0", "rope.freq_base"},
    {Fact::experts, "num_local_experts num_experts", KeyKind::integer, "128", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok experts_per_token", KeyKind::integer, "4",
     "expert_used_count"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "128",
     "attention.sliding_window"},
    {Fact::window_layers, "layer_types", KeyKind::layer_types, "=period:2", ""},
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "true", "?blk.*.attn_q.bias"},
};
constexpr GgufKey gguf_keys[] = {
    {"expert_feed_forward_length",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(Fact::ffn)); }},
};

}  // namespace

const Architecture gpt_oss = {
    .name = "gpt_oss",
    .classes = "GptOssForCausalLM GptOssModel",
    .gguf = "gpt-oss",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::attention, tensors, blocks::head},
    .keys = {blocks::decoder_keys, keys, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, gguf_keys},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "output_router_logits": false, "router_aux_loss_coef": 0.001,
                     "swiglu_alpha": 1.702, "swiglu_limit": 7.0, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"swiglu_limit", "7 7.0 null", "clamps at 7"},
                {"swiglu_alpha", "1.702 null", "multiplies by 1.702"}},
    .limits = {{GgufLimit::Kind::unloadable, "attention_bias", "needs biases of attention",
                [](const ModelFacts& m) { return !m.facts.flag(Fact::attention_bias); }},
               {GgufLimit::Kind::ignored, "layer_types", "has a window on every other layer",
                [](const ModelFacts& m) { return !blocks::has_window_period(m, 2); }}},
    .dropped = ".rotary_emb.inv_freq",
    .gguf_yarn = R"({"truncate": false})",
};

}  // namespace recast

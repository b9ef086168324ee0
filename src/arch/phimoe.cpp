#include "arch/blocks.h"
#include "arch/families.h"

// Phi-3.5 MoE: Mixtral's experts, LayerNorm, biases of attention and of the head.
namespace recast {

namespace {

constexpr Fact head_bias{"lm_head_bias"};
constexpr Needed with_head_bias{true,
                                [](const ModelFacts& m, int) { return m.facts.flag(head_bias); }};
constexpr TensorRow head[] = {
    {Role::output_norm, {"model.norm"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied,
     with_head_bias},
};
// As transformers holds them in memory.
constexpr TensorRow other_experts[] = {
    {Role::router, {"model.layers.{}.mlp.router"}, {""}, {Dim::experts, Dim::hidden}},
    {Role::expert_gate, {"model.layers.{}.mlp.experts.gate_up_proj", nullptr, ""},
     {"blk.{}.ffn_gate_up_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_up, {"model.layers.{}.mlp.experts.gate_up_proj", nullptr, ""},
     {"blk.{}.ffn_gate_up_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_down, {"model.layers.{}.mlp.experts.down_proj", nullptr, ""}, {""},
     {Dim::experts, Dim::hidden, Dim::ffn}},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::experts, "num_local_experts", KeyKind::integer, "16", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "2", "expert_used_count"},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "1000000.0", "rope.freq_base"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "null",
     "attention.sliding_window", nullptr, false},
    {head_bias, "lm_head_bias", KeyKind::flag, "false", "?output.bias"},
};
constexpr GgufKey window_key[] = {
    {"attention.sliding_window",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(Fact::sliding_window)); }},
};
bool always(const ModelFacts&) { return true; }

}  // namespace

const Architecture phimoe = {
    .name = "phimoe",
    .classes = "PhimoeForCausalLM PhiMoEForCausalLM PhimoeModel",
    .gguf = "phimoe",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::layer_norms, blocks::attention,
                blocks::sparse_moe, head},
    .also_read = {other_experts},
    .keys = {blocks::decoder_keys, keys, blocks::head_dim_default_hidden, blocks::attention_bias,
             blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys, blocks::rope_dimension_key, window_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "hidden_dropout": 0.0,
                     "initializer_range": 0.02, "input_jitter_noise": 0.0,
                     "output_router_logits": false, "router_aux_loss_coef": 0.001,
                     "router_jitter_noise": 0.01, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"sliding_window", "null 0", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::ignored, "num_experts_per_tok",
                "routes by a softmax of the best experts and has RMS norms", always},
               {GgufLimit::Kind::unloadable, "attention_bias", "needs biases of attention",
                [](const ModelFacts& m) { return !m.facts.flag(Fact::attention_bias); }},
               {GgufLimit::Kind::unloadable, "lm_head_bias", "needs a bias of the head",
                [](const ModelFacts& m) { return !m.facts.flag(head_bias); }}},
    .dropped = ".rotary_emb.inv_freq",
    .gguf_longrope = true,
    .gguf_original_context = true,
};

}  // namespace recast

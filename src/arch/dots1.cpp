#include "arch/blocks.h"
#include "arch/families.h"

// dots.llm1: Qwen3's attention with DeepSeek's experts.
namespace recast {

namespace {

constexpr Fact groups{"n_group"}, groups_used{"topk_group"}, scale{"routed_scaling_factor"},
    norm_topk{"norm_topk_prob"};
constexpr KeyRow keys[] = {
    {Fact::experts, "n_routed_experts num_local_experts", KeyKind::integer, "", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::optional_integer, "null",
     "expert_used_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, "1408",
     "expert_feed_forward_length"},
    {blocks::shared_count, "n_shared_experts", KeyKind::optional_integer, "null",
     "expert_shared_count"},
    {blocks::first_dense, "first_k_dense_replace", KeyKind::count, "0",
     "leading_dense_block_count"},
    {groups, "n_group", KeyKind::integer, "1", "expert_group_count"},
    {groups_used, "topk_group", KeyKind::integer, "1", "expert_group_used_count"},
    {scale, "routed_scaling_factor", KeyKind::real, "1.0", "expert_weights_scale"},
    {norm_topk, "norm_topk_prob", KeyKind::flag, "false", "expert_weights_norm"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "4096", ""},
    {Fact::window_layers, "layer_types", KeyKind::layer_types, "=period:1", ""},
};
constexpr GgufKey gguf_keys[] = {
    // Sigmoid; the reference writes it only where the config has the key, which the class lacks.
    {"expert_gating_func", [](const ModelFacts&) { return blocks::u32(2); }},
};

}  // namespace

const Architecture dots1 = {
    .name = "dots1",
    .classes = "Dots1ForCausalLM Dots1Model",
    .gguf = "dots1",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention,
                blocks::head_norms, blocks::dense_ffn, blocks::router, blocks::correction_bias,
                blocks::experts, blocks::shared_experts, blocks::head},
    .also_read = {blocks::fused_experts},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads,
             blocks::head_dim_default_hidden, keys, blocks::attention_bias, blocks::rms_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, gguf_keys},
    .settle = blocks::settle_first_dense,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "max_window_layers": 62, "output_router_logits": false, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::unloadable, "num_key_value_heads",
                "takes as many key heads as query heads", blocks::has_fewer_kv_heads},
               {GgufLimit::Kind::unloadable, "attention_bias", "has no biases of attention",
                [](const ModelFacts& m) { return m.facts.flag(Fact::attention_bias); }},
               {GgufLimit::Kind::ignored, "layer_types", "attends to every earlier token",
                [](const ModelFacts& m) { return !blocks::has_window_period(m, 1); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

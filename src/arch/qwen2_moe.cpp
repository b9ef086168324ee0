#include "arch/blocks.h"
#include "arch/families.h"

// Qwen2 MoE: Qwen2 with routed experts and one shared expert that has a gate of its own.
namespace recast {

namespace {

constexpr TensorRow shared[] = {
    {Role::shared_gate, {"model.layers.{}.mlp.shared_expert.gate_proj"}, {"blk.{}.ffn_gate_shexp"},
     {Dim::shared_ffn, Dim::hidden}, blocks::moe},
    {Role::shared_up, {"model.layers.{}.mlp.shared_expert.up_proj"}, {"blk.{}.ffn_up_shexp"},
     {Dim::shared_ffn, Dim::hidden}, blocks::moe},
    {Role::shared_down, {"model.layers.{}.mlp.shared_expert.down_proj"}, {"blk.{}.ffn_down_shexp"},
     {Dim::hidden, Dim::shared_ffn}, blocks::moe},
    {Role::shared_router, {"model.layers.{}.mlp.shared_expert_gate"},
     {"blk.{}.ffn_gate_inp_shexp"}, {Dim::one, Dim::hidden}, blocks::moe},
};
constexpr Fact norm_topk{"norm_topk_prob"};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "16", "attention.head_count_kv"},
    {Fact::attention_bias, "qkv_bias", KeyKind::flag, "true", "?blk.*.attn_q.bias"},
    {Fact::experts, "num_experts num_local_experts", KeyKind::integer, "60", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "4", "expert_used_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, "1408",
     "expert_feed_forward_length"},
    {Fact::shared_ffn, "shared_expert_intermediate_size", KeyKind::integer, "5632",
     "expert_shared_feed_forward_length"},
    {norm_topk, "norm_topk_prob", KeyKind::flag, "false", ""},
};

}  // namespace

const Architecture qwen2_moe = {
    .name = "qwen2_moe",
    .classes = "Qwen2MoeForCausalLM Qwen2MoeModel",
    .gguf = "qwen2moe",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms,
                blocks::qkv_biased_attention, blocks::router, blocks::experts, shared,
                blocks::dense_ffn, blocks::head},
    .also_read = {blocks::fused_experts},
    .keys = {blocks::decoder_keys, keys, blocks::head_dim_default_hidden, blocks::sparse_keys,
             blocks::rms_norm, blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys},
    .settle = blocks::settle_sparse,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "output_router_logits": false, "router_aux_loss_coef": 0.001,
                     "sliding_window": null, "use_cache": true, "use_sliding_window": false})",
    .prefixes = "model.",
    .ignored = {{"use_sliding_window", "false null", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::refused, "mlp_only_layers", "needs experts in every layer",
                blocks::any_dense},
               {GgufLimit::Kind::ignored, "norm_topk_prob", "never normalises the expert weights",
                [](const ModelFacts& m) { return m.facts.flag(norm_topk); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

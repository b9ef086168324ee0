#include "arch/blocks.h"
#include "arch/families.h"

// Qwen3: norms over the heads of q and k, a head width of its own; with and without experts.
namespace recast {

namespace {

constexpr KeyRow dense_keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "32", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "attention.key_length", nullptr, false},
};
constexpr Fact norm_topk{"norm_topk_prob"};
const GgufLimit has_biases = {GgufLimit::Kind::unloadable, "attention_bias",
                              "has no bias of the output",
                              [](const ModelFacts& m) {
                                return m.facts.flag(Fact::attention_bias);
                              }};
constexpr KeyRow moe_keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "4", "attention.head_count_kv"},
    {Fact::experts, "num_experts num_local_experts", KeyKind::integer, "128", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "8", "expert_used_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, "768",
     "expert_feed_forward_length"},
    {norm_topk, "norm_topk_prob", KeyKind::flag, "false", blocks::always},
};

}  // namespace

const Architecture qwen3 = {
    .name = "qwen3",
    .classes = "Qwen3ForCausalLM Qwen3Model",
    .gguf = "qwen3",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention,
                blocks::head_norms, blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, dense_keys, blocks::attention_bias, blocks::rms_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "sliding_window": null, "use_cache": true, "use_sliding_window": false})",
    .prefixes = "model.",
    .ignored = {{"use_sliding_window", "false null", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {has_biases},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture qwen3_moe = {
    .name = "qwen3_moe",
    .classes = "Qwen3MoeForCausalLM Qwen3MoeModel",
    .gguf = "qwen3moe",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention,
                blocks::head_norms, blocks::router, blocks::experts, blocks::dense_ffn,
                blocks::head},
    .also_read = {blocks::fused_experts},
    .keys = {blocks::decoder_keys, moe_keys, blocks::head_dim_default_hidden,
             blocks::attention_bias, blocks::sparse_keys, blocks::rms_norm, blocks::rope_base,
             blocks::untied},
    .gguf_keys = {blocks::head_dim_keys},
    .settle = blocks::settle_sparse,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "output_router_logits": false, "router_aux_loss_coef": 0.001,
                     "sliding_window": null, "use_cache": true, "use_sliding_window": false})",
    .prefixes = "model.",
    .ignored = {{"use_sliding_window", "false null", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {has_biases,
               {GgufLimit::Kind::refused, "mlp_only_layers", "needs experts in every layer",
                blocks::any_dense},
               {GgufLimit::Kind::ignored, "norm_topk_prob", "always normalises the expert weights",
                [](const ModelFacts& m) { return !m.facts.flag(norm_topk); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

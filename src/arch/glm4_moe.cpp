#include "arch/blocks.h"
#include "arch/families.h"

// GLM 4.5: DeepSeek's routing behind plain attention of which half of each head turns. GGUF counts
// the layers of multi-token prediction among the blocks.
namespace recast {

namespace {

constexpr Fact groups{"n_group"}, groups_used{"topk_group"}, scale{"routed_scaling_factor"},
    norm_topk{"norm_topk_prob"}, qk_norm{"use_qk_norm"};
constexpr Needed with_qk_norm{true,
                              [](const ModelFacts& m, int) { return m.facts.flag(qk_norm); }};
constexpr TensorRow norms[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::attn_q_norm, {"model.layers.{}.self_attn.q_norm"}, {"blk.{}.attn_q_norm"},
     {Dim::head_dim}, with_qk_norm},
    {Role::attn_k_norm, {"model.layers.{}.self_attn.k_norm"}, {"blk.{}.attn_k_norm"},
     {Dim::head_dim}, with_qk_norm},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.post_attention_norm"},
     {Dim::hidden}},
};

constexpr Conversion with_prediction_layers = {
    [](double n, const ModelFacts& m) {
      return n + static_cast<double>(m.facts.integer(Fact::mtp_layers));
    },
    [](double n, const ModelFacts& m) {
      return n - static_cast<double>(m.facts.integer(Fact::mtp_layers));
    }};
constexpr KeyRow keys[] = {
    {Fact::mtp_layers, "num_nextn_predict_layers", KeyKind::count, "1", "nextn_predict_layers"},
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", "block_count",
     &with_prediction_layers},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "", "context_length"},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "intermediate_size", KeyKind::integer, "", "feed_forward_length"},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::partial_rotary, "partial_rotary_factor", KeyKind::real, "0.5", ""},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {qk_norm, "use_qk_norm", KeyKind::flag, "false", "?blk.*.attn_q_norm.weight"},
    {Fact::experts, "n_routed_experts num_local_experts", KeyKind::integer, "128",
     "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "8", "expert_used_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, "1408",
     "expert_feed_forward_length"},
    {blocks::shared_count, "n_shared_experts", KeyKind::count, "1", "expert_shared_count"},
    {blocks::first_dense, "first_k_dense_replace", KeyKind::count, "1",
     "leading_dense_block_count"},
    {groups, "n_group", KeyKind::integer, "1", "expert_group_count"},
    {groups_used, "topk_group", KeyKind::integer, "1", "expert_group_used_count"},
    {scale, "routed_scaling_factor", KeyKind::real, "1.0", "expert_weights_scale"},
    {norm_topk, "norm_topk_prob", KeyKind::flag, "true", "expert_weights_norm"},
};
constexpr GgufKey gguf_keys[] = {
    {"expert_gating_func", [](const ModelFacts&) { return blocks::u32(2); }},  // sigmoid
};

}  // namespace

const Architecture glm4_moe = {
    .name = "glm4_moe",
    .classes = "Glm4MoeForCausalLM Glm4MoeModel",
    .gguf = "glm4moe",
    .tensors = {blocks::rope_tensors, blocks::embedding, norms, blocks::qkv_biased_attention,
                blocks::dense_ffn, blocks::router, blocks::correction_bias, blocks::experts,
                blocks::shared_experts, blocks::head},
    .also_read = {blocks::fused_experts},
    .keys = {keys, blocks::head_dim_default_hidden, blocks::attention_bias, blocks::rope_base,
             blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, gguf_keys},
    .settle = blocks::settle_first_dense,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "output_router_logits": false, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

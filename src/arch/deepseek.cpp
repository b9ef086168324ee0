#include <algorithm>

#include "arch/blocks.h"
#include "arch/families.h"

// DeepSeek V2 and V3: latent attention, shared experts, the first layers dense. GGUF holds the
// matrix that makes keys and values out of the latent vector as two stacks, the key half turned.
namespace recast {

namespace {

constexpr Fact q_rank{"q_lora_rank"}, kv_rank{"kv_lora_rank"}, nope{"qk_nope_head_dim"},
    value_dim{"v_head_dim"}, groups{"n_group"},
    groups_used{"topk_group"}, scale{"routed_scaling_factor"}, norm_topk{"norm_topk_prob"},
    scoring{"scoring_func"}, topk{"topk_method"}, interleave{"rope_interleave"};

int64_t rope_part(const ModelFacts& m) { return m.facts.integer(Fact::head_dim); }
constexpr Dim q_rank_dim{q_rank, [](const ModelFacts& m) { return m.facts.integer(q_rank); }};
constexpr Dim kv_rank_dim{kv_rank, [](const ModelFacts& m) { return m.facts.integer(kv_rank); }};
constexpr Dim nope_dim{nope, [](const ModelFacts& m) { return m.facts.integer(nope); }};
constexpr Dim value{value_dim, [](const ModelFacts& m) { return m.facts.integer(value_dim); }};
constexpr Dim q_rows{nope, [](const ModelFacts& m) {
  return m.facts.integer(Fact::heads) * (m.facts.integer(nope) + rope_part(m));
}};
constexpr Dim kv_a_rows{kv_rank,
                        [](const ModelFacts& m) { return m.facts.integer(kv_rank) + rope_part(m); }};
constexpr Dim values{value_dim, [](const ModelFacts& m) {
  return m.facts.integer(Fact::heads) * m.facts.integer(value_dim);
}};
constexpr Needed low_rank_q{true,
                            [](const ModelFacts& m, int) { return m.facts.integer(q_rank) > 0; }};
constexpr Needed plain_q{true,
                         [](const ModelFacts& m, int) { return m.facts.integer(q_rank) == 0; }};

constexpr Cell kv_b{"model.layers.{}.self_attn.kv_b_proj", nullptr, ".weight", ".bias", Form::flat};
constexpr TensorRow attention[] = {
    {Role::attn_q, {"model.layers.{}.self_attn.q_proj"}, {"blk.{}.attn_q"}, {q_rows, Dim::hidden},
     plain_q},
    {Role::attn_q_a, {"model.layers.{}.self_attn.q_a_proj"}, {"blk.{}.attn_q_a"},
     {q_rank_dim, Dim::hidden}, low_rank_q, Needed::attention_bias},
    {Role::attn_q_a_norm, {"model.layers.{}.self_attn.q_a_layernorm"}, {"blk.{}.attn_q_a_norm"},
     {q_rank_dim}, low_rank_q},
    {Role::attn_q_b, {"model.layers.{}.self_attn.q_b_proj"}, {"blk.{}.attn_q_b"},
     {q_rows, q_rank_dim}, low_rank_q},
    {Role::attn_kv_a, {"model.layers.{}.self_attn.kv_a_proj_with_mqa"}, {"blk.{}.attn_kv_a_mqa"},
     {kv_a_rows, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_kv_a_norm, {"model.layers.{}.self_attn.kv_a_layernorm"}, {"blk.{}.attn_kv_a_norm"},
     {kv_rank_dim}},
    {Role::attn_k_b, kv_b, {"blk.{}.attn_k_b", nullptr, ".weight", ".bias", Form::transposed},
     {Dim::heads, nope_dim, kv_rank_dim}},
    {Role::attn_v_b, kv_b, {"blk.{}.attn_v_b"}, {Dim::heads, value, kv_rank_dim}},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, values}, Needed::always, Needed::attention_bias},
};
// GGUF files from before the stacks.
constexpr Cell old_kv_b{"blk.{}.attn_kv_b", nullptr, ".weight", ".bias", Form::flat};
constexpr TensorRow old_attention[] = {
    {Role::attn_k_b, {""}, old_kv_b, {Dim::heads, nope_dim, kv_rank_dim}},
    {Role::attn_v_b, {""}, old_kv_b, {Dim::heads, value, kv_rank_dim}},
};
constexpr Conversion with_rope_part = {
    [](double n, const ModelFacts& m) { return n + static_cast<double>(rope_part(m)); },
    [](double n, const ModelFacts& m) { return n - static_cast<double>(rope_part(m)); }};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, from_heads, ""},
    // The rotary part of each head is what rope sees as the head.
    {Fact::head_dim, "qk_rope_head_dim", KeyKind::integer, "64", "rope.dimension_count"},
    {nope, "qk_nope_head_dim", KeyKind::integer, "128", "attention.key_length_mla",
     &with_rope_part},
    {value_dim, "v_head_dim", KeyKind::integer, "128", "attention.value_length_mla"},
    {q_rank, "q_lora_rank", KeyKind::optional_integer, "1536", "attention.q_lora_rank"},
    {kv_rank, "kv_lora_rank", KeyKind::integer, "512", "attention.kv_lora_rank"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "8", "expert_used_count"},
    {Fact::mtp_layers, "num_nextn_predict_layers num_mtp_layers", KeyKind::count, "0", ""},
};
constexpr KeyRow latent_bias[] = {
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "false",
     "?blk.*.attn_kv_a_mqa.bias"},
};
constexpr KeyRow v2_keys[] = {
    {Fact::experts, "n_routed_experts", KeyKind::optional_integer, "64", "expert_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, "1407",
     "expert_feed_forward_length"},
    {blocks::shared_count, "n_shared_experts", KeyKind::optional_integer, "2",
     "expert_shared_count"},
    {blocks::first_dense, "first_k_dense_replace", KeyKind::count, "0",
     "leading_dense_block_count"},
    {groups, "n_group", KeyKind::optional_integer, "null", "expert_group_count"},
    {groups_used, "topk_group", KeyKind::optional_integer, "null", "expert_group_used_count"},
    {scale, "routed_scaling_factor", KeyKind::real, "1.0", "expert_weights_scale"},
    {norm_topk, "norm_topk_prob", KeyKind::flag, "false", "expert_weights_norm"},
    {scoring, "scoring_func", KeyKind::text, "\"softmax\"", ""},
    {topk, "topk_method", KeyKind::text, "null", ""},
};
// A GGUF says it by its groups.
void settle_v2(ModelFacts& model) {
  blocks::settle_first_dense(model);
  if (!model.facts.has(topk))
    model.facts.set(topk, std::string(model.facts.integer(groups) > 1 ? "group_limited_greedy"
                                                                      : "greedy"));
}
constexpr KeyRow v3_keys[] = {
    {Fact::experts, "n_routed_experts", KeyKind::optional_integer, "256", "expert_count"},
    {Fact::expert_ffn, "moe_intermediate_size", KeyKind::integer, "2048",
     "expert_feed_forward_length"},
    {blocks::shared_count, "n_shared_experts", KeyKind::optional_integer, "1",
     "expert_shared_count"},
    {blocks::first_dense, "first_k_dense_replace", KeyKind::count, "3",
     "leading_dense_block_count"},
    {groups, "n_group", KeyKind::optional_integer, "8", "expert_group_count"},
    {groups_used, "topk_group", KeyKind::optional_integer, "4", "expert_group_used_count"},
    {scale, "routed_scaling_factor", KeyKind::real, "2.5", "expert_weights_scale"},
    {norm_topk, "norm_topk_prob", KeyKind::flag, "true", "expert_weights_norm"},
    {scoring, "scoring_func", KeyKind::text, "\"sigmoid\"", ""},
    {interleave, "rope_interleave", KeyKind::flag, "true", ""},
};
constexpr GgufKey gguf_keys[] = {
    {"attention.head_count_kv", [](const ModelFacts&) { return blocks::u32(1); }},
    {"attention.key_length",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(kv_rank) + rope_part(m)); }},
    {"attention.value_length",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(kv_rank)); }},
    {"expert_gating_func",
     [](const ModelFacts& m) { return blocks::u32(m.facts.text(scoring) == "sigmoid" ? 2 : 1); }},
};
// Files of the time before the key for the gating.
bool has_correction_bias(const Checkpoint& source) {
  return std::any_of(source.tensors.begin(), source.tensors.end(), [](const Tensor& tensor) {
    return tensor.name.ends_with(".exp_probs_b.bias");
  });
}
const std::vector<GgufLimit> limits = {
    {GgufLimit::Kind::unloadable, "attention_bias", "has no biases of attention",
     [](const ModelFacts& m) { return m.facts.flag(Fact::attention_bias); }},
    {GgufLimit::Kind::unloadable, "q_lora_rank",
     "takes a model without it only with 26 or 27 layers",
     [](const ModelFacts& m) {
       const int64_t layers = m.facts.integer(Fact::layers);
       return m.facts.integer(q_rank) == 0 && layers != 26 && layers != 27;
     }},
    {GgufLimit::Kind::ignored, "rope_interleave", "turns neighbouring dimensions",
     [](const ModelFacts& m) {
       return m.facts.has(interleave) && !m.facts.flag(interleave);
     }}};

}  // namespace

const Architecture deepseek_v2 = {
    .name = "deepseek_v2",
    .classes = "DeepseekV2ForCausalLM DeepseekV2Model",
    .gguf = "deepseek2",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, attention,
                blocks::dense_ffn, blocks::router, blocks::experts,
                blocks::shared_experts, blocks::head},
    .also_read = {blocks::fused_experts, old_attention},
    .keys = {blocks::decoder_keys, keys, v2_keys, latent_bias, blocks::rms_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {gguf_keys, blocks::vocab_size_key},
    .settle = settle_v2,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "mlp_bias": false, "pretraining_tp": 1, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = limits,
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture deepseek_v3 = {
    .name = "deepseek_v3",
    .aliases = "kimi_k2",
    .classes = "DeepseekV3ForCausalLM DeepseekV3Model",
    .gguf = "deepseek2",
    .gguf_matches = [](const Checkpoint& source) {
      const MetaValue* gating = source.metadata.find("deepseek2.expert_gating_func");
      return (gating && gating->as_int() == 2) || has_correction_bias(source);
    },
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, attention,
                blocks::dense_ffn, blocks::router, blocks::correction_bias, blocks::experts,
                blocks::shared_experts,
                blocks::head},
    .also_read = {blocks::fused_experts, old_attention},
    .keys = {blocks::decoder_keys, keys, v3_keys, latent_bias, blocks::rms_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {gguf_keys, blocks::vocab_size_key},
    .settle = blocks::settle_first_dense,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "pretraining_tp": 1, "topk_method": "noaux_tc", "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = limits,
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

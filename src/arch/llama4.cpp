#include <algorithm>

#include "arch/blocks.h"
#include "arch/families.h"

// Llama 4 (text): every n-th layer has routed experts and a shared one; the experts are fused and
// stored [in, out]; every fourth layer has no rotary positions.
namespace recast {

namespace {

constexpr Fact step{"interleave_moe_layer_step"}, dense_width{"intermediate_size_mlp"},
    listed{"listed_moe_layers"}, qk_norm{"use_qk_norm"};
constexpr Dim dense_rows{dense_width,
                         [](const ModelFacts& m) { return m.facts.integer(dense_width); }};

constexpr Cell gate_up{"model.layers.{}.feed_forward.experts.gate_up_proj", nullptr, "", ".bias",
                       Form::transposed};
constexpr TensorRow mlp[] = {
    {Role::ffn_gate, {"model.layers.{}.feed_forward.gate_proj"}, {"blk.{}.ffn_gate"},
     {dense_rows, Dim::hidden}, blocks::dense},
    {Role::ffn_up, {"model.layers.{}.feed_forward.up_proj"}, {"blk.{}.ffn_up"},
     {dense_rows, Dim::hidden}, blocks::dense},
    {Role::ffn_down, {"model.layers.{}.feed_forward.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, dense_rows}, blocks::dense},
    {Role::router, {"model.layers.{}.feed_forward.router"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}, blocks::moe},
    {Role::expert_gate, gate_up, {"blk.{}.ffn_gate_exps"}, {Dim::experts, Dim::ffn, Dim::hidden},
     blocks::moe},
    {Role::expert_up, gate_up, {"blk.{}.ffn_up_exps"}, {Dim::experts, Dim::ffn, Dim::hidden},
     blocks::moe},
    {Role::expert_down,
     {"model.layers.{}.feed_forward.experts.down_proj", nullptr, "", ".bias", Form::transposed},
     {"blk.{}.ffn_down_exps"}, {Dim::experts, Dim::hidden, Dim::ffn}, blocks::moe},
    {Role::shared_gate, {"model.layers.{}.feed_forward.shared_expert.gate_proj"},
     {"blk.{}.ffn_gate_shexp"}, {Dim::ffn, Dim::hidden}, blocks::moe},
    {Role::shared_up, {"model.layers.{}.feed_forward.shared_expert.up_proj"},
     {"blk.{}.ffn_up_shexp"}, {Dim::ffn, Dim::hidden}, blocks::moe},
    {Role::shared_down, {"model.layers.{}.feed_forward.shared_expert.down_proj"},
     {"blk.{}.ffn_down_shexp"}, {Dim::hidden, Dim::ffn}, blocks::moe},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "", "context_length"},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "intermediate_size", KeyKind::integer, "", "expert_feed_forward_length"},
    {dense_width, "intermediate_size_mlp", KeyKind::integer, "16384", "feed_forward_length"},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "attention.key_length", nullptr, false},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "500000.0", "rope.freq_base"},
    {Fact::experts, "num_local_experts", KeyKind::integer, "16", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "1", "expert_used_count"},
    {step, "interleave_moe_layer_step", KeyKind::count, "1", "interleave_moe_layer_step"},
    {listed, "moe_layers", KeyKind::layer_indices, "[]", ""},
    {blocks::rope_layers, "no_rope_layers", KeyKind::layer_flags, "=period:4", ""},
    {qk_norm, "use_qk_norm", KeyKind::flag, "true", ""},
};

std::vector<int64_t> by_step(const ModelFacts& m) {
  std::vector<int64_t> flags;
  const int64_t n = m.facts.integer(step);
  for (int64_t i = 0; i < m.facts.integer(Fact::layers); ++i)
    flags.push_back(n > 0 && (i + 1) % n == 0 ? 1 : 0);
  return flags;
}
void settle(ModelFacts& model) {
  const auto list = model.facts.list(listed);
  std::vector<int64_t> flags(list.begin(), list.end());
  if (std::find(flags.begin(), flags.end(), 1) == flags.end()) flags = by_step(model);
  model.facts.set(listed, flags);
  model.facts.set(blocks::moe_layers, std::move(flags));
}
bool has_other_experts(const ModelFacts& m) {
  const auto list = m.facts.list(blocks::moe_layers);
  return std::vector<int64_t>(list.begin(), list.end()) != by_step(m);
}

}  // namespace

const Architecture llama4 = {
    .name = "llama4_text",
    .classes = "Llama4ForCausalLM Llama4TextModel",
    .gguf = "llama4",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention, mlp,
                blocks::head},
    .keys = {keys, blocks::attention_bias, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, blocks::vocab_size_key},
    .settle = settle,
    .constants = R"({"attention_chunk_size": 8192, "attention_dropout": 0.0, "attn_scale": 0.1,
                     "attn_temperature_tuning": true, "floor_scale": 8192, "for_llm_compressor": false,
                     "hidden_act": "silu", "initializer_range": 0.02, "no_rope_layer_interval": 4,
                     "output_router_logits": false, "router_aux_loss_coef": 0.001,
                     "router_jitter_noise": 0.0, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"attention_chunk_size", "8192 null", "has chunks of 8192 tokens"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::refused, "moe_layers", "has experts in every n-th layer",
                has_other_experts},
               {GgufLimit::Kind::ignored, "no_rope_layers",
                "turns all but every fourth layer", blocks::has_other_rope_layers},
               {GgufLimit::Kind::ignored, "use_qk_norm", "always norms q and k",
                [](const ModelFacts& m) { return !m.facts.flag(qk_norm); }}},
    .dropped = ".rotary_emb.inv_freq",
    .text_of = "llama4",
};

}  // namespace recast

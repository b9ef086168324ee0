#include "arch/blocks.h"
#include "arch/families.h"

// Granite: Llama with four multipliers; the MoE kind has fused matrices of experts, and one kind of
// it a shared expert.
namespace recast {

namespace {

constexpr Fact embedding{"embedding_multiplier"}, residual{"residual_multiplier"},
    attention{"attention_multiplier"}, logits{"logits_scaling"};
constexpr KeyRow multipliers[] = {
    {attention, "attention_multiplier", KeyKind::real, "1.0", "attention.scale"},
    {embedding, "embedding_multiplier", KeyKind::real, "1.0", "embedding_scale"},
    {residual, "residual_multiplier", KeyKind::real, "1.0", "residual_scale"},
    {logits, "logits_scaling", KeyKind::real, "1.0", "logit_scale"},
};
// The class ignores a head_dim of the config.
constexpr KeyRow head_dim[] = {
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
};

constexpr Needed shared{true, [](const ModelFacts& m, int) {
  return m.facts.integer(Fact::shared_ffn) > 0;
}};
constexpr TensorRow experts[] = {
    {Role::router, {"model.layers.{}.block_sparse_moe.router.layer"}, {"blk.{}.ffn_gate_inp"},
     {Dim::experts, Dim::hidden}},
    {Role::expert_gate, {"model.layers.{}.block_sparse_moe.input_linear"},
     {"blk.{}.ffn_gate_exps"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_up, {"model.layers.{}.block_sparse_moe.input_linear"}, {"blk.{}.ffn_up_exps"},
     {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_down, {"model.layers.{}.block_sparse_moe.output_linear"},
     {"blk.{}.ffn_down_exps"}, {Dim::experts, Dim::hidden, Dim::ffn}},
    {Role::shared_gate, {"model.layers.{}.shared_mlp.input_linear"}, {"blk.{}.ffn_gate_shexp"},
     {Dim::shared_ffn, Dim::hidden}, shared},
    {Role::shared_up, {"model.layers.{}.shared_mlp.input_linear"}, {"blk.{}.ffn_up_shexp"},
     {Dim::shared_ffn, Dim::hidden}, shared},
    {Role::shared_down, {"model.layers.{}.shared_mlp.output_linear"}, {"blk.{}.ffn_down_shexp"},
     {Dim::hidden, Dim::shared_ffn}, shared},
};
constexpr KeyRow expert_keys[] = {
    {Fact::experts, "num_local_experts", KeyKind::integer, "8", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "2", "expert_used_count"},
};
constexpr KeyRow shared_keys[] = {
    {Fact::shared_ffn, "shared_intermediate_size", KeyKind::optional_integer, "0",
     "expert_shared_feed_forward_length"},
};
constexpr std::string_view constants =
    R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
        "use_cache": true})";
constexpr std::string_view moe_constants =
    R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
        "output_router_logits": false, "router_aux_loss_coef": 0.001, "use_cache": true})";

}  // namespace

const Architecture granite = {
    .name = "granite",
    .classes = "GraniteForCausalLM GraniteModel",
    .gguf = "granite",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, head_dim, multipliers,
             blocks::attention_bias, blocks::mlp_bias, blocks::rms_norm, blocks::rope_base,
             blocks::untied},
    .gguf_keys = {blocks::rope_dimension_key, blocks::vocab_size_key},
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture granitemoe = {
    .name = "granitemoe",
    .classes = "GraniteMoeForCausalLM GraniteMoeModel",
    .gguf = "granitemoe",
    .gguf_matches = [](const Checkpoint& source) {
      return !source.metadata.find("granitemoe.expert_shared_feed_forward_length");
    },
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                experts, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, head_dim, multipliers,
             expert_keys, blocks::attention_bias, blocks::rms_norm, blocks::rope_base,
             blocks::untied},
    .gguf_keys = {blocks::rope_dimension_key, blocks::vocab_size_key},
    .constants = moe_constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture granitemoeshared = {
    .name = "granitemoeshared",
    .classes = "GraniteMoeSharedForCausalLM GraniteMoeSharedModel",
    .gguf = "granitemoe",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                experts, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, head_dim, multipliers,
             expert_keys, shared_keys, blocks::attention_bias, blocks::rms_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::rope_dimension_key, blocks::vocab_size_key},
    .constants = moe_constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

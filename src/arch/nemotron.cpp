#include "arch/blocks.h"
#include "arch/families.h"

// Nemotron: LayerNorms that multiply by 1 + weight, an MLP with squared ReLU and no gate, half of
// each head turns.
namespace recast {

namespace {

constexpr TensorRow tensors[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm", &plus_one},
     {Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.ffn_norm", &plus_one},
     {Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_up, {"model.layers.{}.mlp.up_proj"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::mlp_bias},
    {Role::ffn_down, {"model.layers.{}.mlp.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::mlp_bias},
    {Role::output_norm, {"model.norm"}, {"output_norm", &plus_one}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::partial_rotary, "partial_rotary_factor rope_percent rope_percentage", KeyKind::real,
     "0.5", "rope.dimension_count", &blocks::share_of_usual_width, false},
    {Fact::norm_eps, "norm_eps layer_norm_eps layer_norm_epsilon", KeyKind::real, "1e-05",
     "attention.layer_norm_epsilon"},
};
constexpr GgufKey gguf_keys[] = {
    {"attention.layer_norm_rms_epsilon",
     [](const ModelFacts& m) {
       return std::optional(MetaValue::f32(static_cast<float>(m.facts.real(Fact::norm_eps))));
     }},
};

}  // namespace

const Architecture nemotron = {
    .name = "nemotron",
    .classes = "NemotronForCausalLM NemotronModel",
    .gguf = "nemotron",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::attention, tensors},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             keys, blocks::attention_bias, blocks::mlp_bias, blocks::rope_base, blocks::untied},
    .gguf_keys = {gguf_keys, blocks::head_dim_keys, blocks::usual_rope_dimension_key,
                  blocks::vocab_size_key, blocks::no_rope_scaling_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "relu2", "initializer_range": 0.0134,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"relu2\"", "computes squared ReLU"}},
    .limits = {blocks::needs_own_head, blocks::needs_usual_head_dim},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// GLM 4 (0414): norms before and behind attention and MLP, gate and up in one matrix, half of each
// head turns in interleaved pairs.
namespace recast {

namespace {

constexpr TensorRow tensors[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::attn_post_norm, {"model.layers.{}.post_self_attn_layernorm"},
     {"blk.{}.post_attention_norm"}, {Dim::hidden}},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.ffn_norm"},
     {Dim::hidden}},
};
constexpr TensorRow post_norm[] = {
    {Role::ffn_post_norm, {"model.layers.{}.post_mlp_layernorm"}, {"blk.{}.post_ffw_norm"},
     {Dim::hidden}},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "2", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "attention.key_length", nullptr, false},
    {Fact::partial_rotary, "partial_rotary_factor", KeyKind::real, "0.5", ""},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1.5625e-07",
     "attention.layer_norm_rms_epsilon"},
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "true", "?blk.*.attn_q.bias"},
};

}  // namespace

const Architecture glm4 = {
    .name = "glm4",
    .classes = "Glm4ForCausalLM Glm4Model",
    .gguf = "glm4",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::qkv_biased_attention, tensors,
                blocks::fused_ffn, post_norm, blocks::head},
    .keys = {blocks::decoder_keys, keys, blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

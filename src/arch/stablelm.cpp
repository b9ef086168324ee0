#include "arch/blocks.h"
#include "arch/families.h"

// StableLM: LayerNorms, a quarter of each head turns; some have a norm for each head of q and k and
// a parallel block.
namespace recast {

namespace {

constexpr Fact qk_norm{"qk_layernorm"}, parallel{"use_parallel_residual"};
constexpr Needed with_qk_norm{true,
                              [](const ModelFacts& m, int) { return m.facts.flag(qk_norm); }};
constexpr Needed serial{true, [](const ModelFacts& m, int) { return !m.facts.flag(parallel); }};

constexpr TensorRow norms[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_q_norm, {"model.layers.{}.self_attn.q_layernorm.norms.{e}"},
     {"blk.{}.attn_q_norm"}, {Dim::heads, Dim::head_dim}, with_qk_norm},
    {Role::attn_k_norm, {"model.layers.{}.self_attn.k_layernorm.norms.{e}"},
     {"blk.{}.attn_k_norm"}, {Dim::kv_heads, Dim::head_dim}, with_qk_norm},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.ffn_norm"},
     {Dim::hidden}, serial, serial},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, from_heads,
     "attention.head_count_kv"},
    {Fact::partial_rotary, "partial_rotary_factor rope_pct", KeyKind::real, "0.25", ""},
    {Fact::attention_bias, "use_qkv_bias", KeyKind::flag, "false", "?blk.*.attn_q.bias"},
    {qk_norm, "qk_layernorm", KeyKind::flag, "false", "?blk.*.attn_q_norm.weight"},
    {parallel, "use_parallel_residual", KeyKind::flag, "false", "use_parallel_residual"},
    {Fact::norm_eps, "layer_norm_eps norm_eps", KeyKind::real, "1e-05",
     "attention.layer_norm_epsilon"},
};

}  // namespace

const Architecture stablelm = {
    .name = "stablelm",
    .aliases = "stablelm_epoch stablelm_alpha",
    .classes = "StableLmForCausalLM StableLMEpochForCausalLM StableLmModel",
    .gguf = "stablelm",
    .tensors = {blocks::rope_tensors, blocks::embedding, norms, blocks::qkv_biased_attention,
                blocks::gated_ffn, blocks::layer_norm_head},
    .keys = {blocks::decoder_keys, blocks::head_dim_default_hidden, keys, blocks::rope_base,
             blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys, blocks::rope_dimension_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "hidden_dropout": 0.0,
                     "initializer_range": 0.02, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {blocks::needs_own_head,
               {GgufLimit::Kind::unloadable, "qk_layernorm",
                "takes another size for models of 12 layers",
                [](const ModelFacts& m) {
                  return m.facts.flag(qk_norm) && m.facts.integer(Fact::layers) == 12;
                }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

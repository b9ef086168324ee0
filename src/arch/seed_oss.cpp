#include "arch/blocks.h"
#include "arch/families.h"

// Seed-OSS: Llama without turned rows, biases on q, k and v; GGUF calls the second norm one behind
// attention.
namespace recast {

namespace {

constexpr Fact output_bias{"attention_out_bias"};
constexpr Needed with_output_bias{
    true, [](const ModelFacts& m, int) { return m.facts.flag(output_bias); }};
constexpr TensorRow tensors[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::attn_q, {"model.layers.{}.self_attn.q_proj"}, {"blk.{}.attn_q"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_k, {"model.layers.{}.self_attn.k_proj"}, {"blk.{}.attn_k"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_v, {"model.layers.{}.self_attn.v_proj"}, {"blk.{}.attn_v"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, with_output_bias},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.post_attention_norm"},
     {Dim::hidden}},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "attention.key_length", nullptr, false},
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "true", "?blk.*.attn_q.bias"},
    {output_bias, "attention_out_bias", KeyKind::flag, "false", "?blk.*.attn_output.bias"},
};

}  // namespace

const Architecture seed_oss = {
    .name = "seed_oss",
    .classes = "SeedOssForCausalLM SeedOssModel",
    .gguf = "seed_oss",
    .tensors = {blocks::rope_tensors, blocks::embedding, tensors, blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, keys, blocks::mlp_bias, blocks::rms_norm, blocks::rope_base,
             blocks::untied},
    .gguf_keys = {blocks::head_dim_keys},
    .constants = R"({"attention_dropout": 0.1, "hidden_act": "silu", "initializer_range": 0.02,
                     "pretraining_tp": 1, "residual_dropout": 0.1, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::unloadable, "attention_out_bias", "has no bias of the output",
                [](const ModelFacts& m) { return m.facts.flag(output_bias); }},
               {GgufLimit::Kind::unloadable, "mlp_bias", "has no biases of the MLP",
                [](const ModelFacts& m) { return m.facts.flag(Fact::mlp_bias); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

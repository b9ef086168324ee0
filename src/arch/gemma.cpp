#include "arch/blocks.h"
#include "arch/families.h"

// Gemma (the first): norms multiply by 1 + weight, which GGUF stores computed; tied head.
namespace recast {

namespace {

constexpr TensorRow tensors[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm", &plus_one},
     {Dim::hidden}},
    {Role::ffn_norm, {"model.layers.{}.post_attention_layernorm"}, {"blk.{}.ffn_norm", &plus_one},
     {Dim::hidden}},
};
constexpr TensorRow head[] = {
    {Role::output_norm, {"model.norm"}, {"output_norm", &plus_one}, {Dim::hidden}},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "16", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "256", "attention.key_length", nullptr, false},
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "false", "?blk.*.attn_q.bias"},
};

}  // namespace

const Architecture gemma = {
    .name = "gemma",
    .classes = "GemmaForCausalLM GemmaModel",
    .gguf = "gemma",
    .tensors = {blocks::embedding, tensors, blocks::attention, blocks::gated_ffn, head},
    .keys = {blocks::decoder_keys, keys, blocks::rms_norm, blocks::rope_base, blocks::tied},
    .gguf_keys = {blocks::head_dim_keys},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "gelu_pytorch_tanh",
                     "initializer_range": 0.02, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"gelu_pytorch_tanh\" \"gelu\"", "computes GELU by the tanh form"},
                {"hidden_activation", "\"gelu_pytorch_tanh\" \"gelu\" null",
                 "computes GELU by the tanh form"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

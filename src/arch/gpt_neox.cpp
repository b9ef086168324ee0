#include "arch/blocks.h"
#include "arch/families.h"

// GPT-NeoX and Pythia: one matrix with query, key and value of one head after another, LayerNorms,
// biases, a quarter of each head turns.
namespace recast {

namespace {

constexpr Cell fused{"gpt_neox.layers.{}.attention.query_key_value", nullptr, ".weight", ".bias",
                     Form::plain, Dim::heads};
constexpr TensorRow tensors[] = {
    {Role::token_embd, {"gpt_neox.embed_in"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::attn_norm, {"gpt_neox.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"},
     {Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_norm, {"gpt_neox.layers.{}.post_attention_layernorm"}, {"blk.{}.ffn_norm"},
     {Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_q, fused, {"blk.{}.attn_qkv"}, {Dim::q, Dim::hidden}, Needed::always,
     Needed::attention_bias},
    {Role::attn_k, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}, Needed::always,
     Needed::attention_bias},
    {Role::attn_v, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}, Needed::always,
     Needed::attention_bias},
    {Role::attn_output, {"gpt_neox.layers.{}.attention.dense"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::attention_bias},
    {Role::ffn_up, {"gpt_neox.layers.{}.mlp.dense_h_to_4h"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_down, {"gpt_neox.layers.{}.mlp.dense_4h_to_h"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::always},
    {Role::output_norm, {"gpt_neox.final_layer_norm"}, {"output_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::output, {"embed_out"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr Fact parallel{"use_parallel_residual"};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "", KeyKind::integer, from_heads, ""},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {Fact::partial_rotary, "rotary_pct partial_rotary_factor", KeyKind::real, "0.25", ""},
    {Fact::rope_theta, "rotary_emb_base rope_theta", KeyKind::real, "10000.0", "rope.freq_base"},
    {parallel, "use_parallel_residual", KeyKind::flag, "true", "use_parallel_residual"},
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "true", "?blk.*.attn_qkv.bias"},
};

}  // namespace

const Architecture gpt_neox = {
    .name = "gpt_neox",
    .classes = "GPTNeoXForCausalLM GPTNeoXModel",
    .gguf = "gptneox",
    .tensors = {blocks::rope_tensors, tensors},
    .keys = {blocks::decoder_keys, keys, blocks::layer_norm, blocks::untied},
    .gguf_keys = {blocks::rope_dimension_key},
    .constants = R"({"attention_dropout": 0.0, "classifier_dropout": 0.1, "hidden_act": "gelu",
                     "hidden_dropout": 0.0, "initializer_range": 0.02, "use_cache": true})",
    .prefixes = "gpt_neox.",
    .ignored = {{"hidden_act", "\"gelu\" \"gelu_new\" \"gelu_fast\" \"gelu_pytorch_tanh\"",
                 "computes GELU by the tanh form"}},
    .limits = {{GgufLimit::Kind::unloadable, "attention_bias", "needs biases of attention",
                [](const ModelFacts& m) { return !m.facts.flag(Fact::attention_bias); }},
               blocks::needs_own_head},
    .dropped = ".attention.bias .attention.masked_bias .rotary_emb.inv_freq",
};

}  // namespace recast

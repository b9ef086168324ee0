#include "arch/blocks.h"
#include "arch/families.h"

// GPT-2: learned positions, LayerNorm, one fused q, k, v matrix; Hugging Face stores the four
// matrices of a block as [in, out].
namespace recast {

namespace {

constexpr TensorRow tensors[] = {
    {Role::token_embd, {"transformer.wte"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::position_embd, {"transformer.wpe"}, {"position_embd"}, {Dim::context, Dim::hidden}},
    {Role::attn_norm, {"transformer.h.{}.ln_1"}, {"blk.{}.attn_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_q, {"transformer.h.{}.attn.c_attn", nullptr, ".weight", ".bias", Form::transposed}, {"blk.{}.attn_qkv"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_k, {"transformer.h.{}.attn.c_attn", nullptr, ".weight", ".bias", Form::transposed}, {"blk.{}.attn_qkv"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_v, {"transformer.h.{}.attn.c_attn", nullptr, ".weight", ".bias", Form::transposed}, {"blk.{}.attn_qkv"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_output, {"transformer.h.{}.attn.c_proj", nullptr, ".weight", ".bias", Form::transposed}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::always},
    {Role::ffn_norm, {"transformer.h.{}.ln_2"}, {"blk.{}.ffn_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::ffn_up, {"transformer.h.{}.mlp.c_fc", nullptr, ".weight", ".bias", Form::transposed}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_down, {"transformer.h.{}.mlp.c_proj", nullptr, ".weight", ".bias", Form::transposed}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::always},
    {Role::output_norm, {"transformer.ln_f"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "n_layer num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "n_positions n_ctx max_position_embeddings", KeyKind::integer, "",
     "context_length"},
    {Fact::hidden, "n_embd hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "n_inner", KeyKind::integer, four_hidden, "#blk.0.ffn_up.weight:0"},
    {Fact::heads, "n_head num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::norm_eps, "layer_norm_epsilon", KeyKind::real, "1e-05",
     "attention.layer_norm_epsilon"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, ""},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
};

}  // namespace

const Architecture gpt2 = {
    .name = "gpt2",
    .classes = "GPT2LMHeadModel GPT2Model",
    .gguf = "gpt2",
    .tensors = {tensors},
    .keys = {keys, blocks::tied},
    .gguf_keys = {blocks::unusual_head_dim_keys, blocks::four_hidden_key},
    .constants = R"({"activation_function": "gelu_new", "attn_pdrop": 0.1, "embd_pdrop": 0.1,
                     "initializer_range": 0.02, "reorder_and_upcast_attn": false,
                     "resid_pdrop": 0.1, "scale_attn_by_inverse_layer_idx": false,
                     "scale_attn_weights": true, "use_cache": true})",
    .prefixes = "transformer.",
    .ignored = {{"scale_attn_by_inverse_layer_idx", "false null", "does not scale by the layer"},
                {"scale_attn_weights", "true null", "scales by the head width"},
                {"activation_function", "\"gelu_new\" \"gelu_pytorch_tanh\" \"gelu\"",
                 "computes GELU by the tanh form"}},
    .limits = {{GgufLimit::Kind::unloadable, "n_inner", "takes 4 times the width",
                [](const ModelFacts& m) {
                  return m.facts.integer(Fact::ffn) != 4 * m.facts.integer(Fact::hidden);
                }}},
    .dropped = ".attn.bias .attn.masked_bias",
    .rope = false,
};

}  // namespace recast

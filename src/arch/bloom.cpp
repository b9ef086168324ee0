#include "arch/blocks.h"
#include "arch/families.h"

// BLOOM: ALiBi, a norm behind the embedding, query, key and value of one head after another.
namespace recast {

namespace {

constexpr Cell fused{"transformer.h.{}.self_attention.query_key_value", nullptr, ".weight", ".bias",
                     Form::plain, Dim::heads};
constexpr TensorRow tensors[] = {
    {Role::token_embd, {"transformer.word_embeddings"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::token_embd_norm, {"transformer.word_embeddings_layernorm"}, {"token_embd_norm"},
     {Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_norm, {"transformer.h.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_q, fused, {"blk.{}.attn_qkv"}, {Dim::q, Dim::hidden}, Needed::always,
     Needed::always},
    {Role::attn_k, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}, Needed::always,
     Needed::always},
    {Role::attn_v, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}, Needed::always,
     Needed::always},
    {Role::attn_output, {"transformer.h.{}.self_attention.dense"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::always},
    {Role::ffn_norm, {"transformer.h.{}.post_attention_layernorm"}, {"blk.{}.ffn_norm"},
     {Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_up, {"transformer.h.{}.mlp.dense_h_to_4h"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_down, {"transformer.h.{}.mlp.dense_4h_to_h"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::always},
    {Role::output_norm, {"transformer.ln_f"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "n_layer num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::hidden, "hidden_size n_embed", KeyKind::integer, "", "embedding_length"},
    {Fact::context, "seq_length", KeyKind::integer, same_as_hidden, "context_length"},
    {Fact::ffn, "", KeyKind::integer, four_hidden, "feed_forward_length"},
    {Fact::heads, "n_head num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, "attention.head_count_kv"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {Fact::norm_eps, "layer_norm_epsilon", KeyKind::real, "1e-05", "attention.layer_norm_epsilon"},
};

}  // namespace

const Architecture bloom = {
    .name = "bloom",
    .classes = "BloomForCausalLM BloomModel",
    .gguf = "bloom",
    .tensors = {tensors},
    .keys = {keys, blocks::tied},
    .constants = R"({"apply_residual_connection_post_layernorm": false, "attention_dropout": 0.0,
                     "hidden_dropout": 0.0, "initializer_range": 0.02, "pretraining_tp": 1,
                     "slow_but_exact": false, "use_cache": true})",
    .prefixes = "transformer.",
    .ignored = {{"apply_residual_connection_post_layernorm", "false null",
                 "adds the residual before the norm"}},
    .rope = false,
};

}  // namespace recast

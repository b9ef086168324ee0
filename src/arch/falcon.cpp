#include <algorithm>

#include "arch/blocks.h"
#include "arch/families.h"

// Falcon: one fused matrix with the query heads of each key head, then that key, then that value;
// the first models have one key head in all. One LayerNorm before a parallel block, or two.
namespace recast {

namespace {

constexpr Fact multi_query{"multi_query"}, new_decoder{"new_decoder_architecture"},
    parallel{"parallel_attn"}, alibi{"alibi"}, norms_in_parallel{"num_ln_in_parallel_attn"},
    bias{"bias"}, kv_in_gguf{"kv_heads_in_gguf"};

bool has_two_norms(const ModelFacts& m, int) {
  return m.facts.flag(new_decoder) && m.facts.integer(norms_in_parallel) != 1;
}
constexpr Needed two_norms{true, has_two_norms};
constexpr Needed one_norm{true, [](const ModelFacts& m, int l) { return !has_two_norms(m, l); }};
constexpr Needed serial{true, [](const ModelFacts& m, int) {
  return !m.facts.flag(new_decoder) && !m.facts.flag(parallel);
}};
constexpr Needed biased{true, [](const ModelFacts& m, int) { return m.facts.flag(bias); }};

constexpr Cell fused{"transformer.h.{}.self_attention.query_key_value", nullptr, ".weight", ".bias",
                     Form::plain, Dim::kv_heads};
constexpr TensorRow tensors[] = {
    {Role::token_embd, {"transformer.word_embeddings"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::attn_norm, {"transformer.h.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden},
     one_norm, one_norm},
    {Role::attn_norm_2, {"transformer.h.{}.ln_attn"}, {"blk.{}.attn_norm_2"}, {Dim::hidden},
     two_norms, two_norms},
    {Role::ffn_norm, {"transformer.h.{}.ln_mlp"}, {"blk.{}.attn_norm"}, {Dim::hidden}, two_norms,
     two_norms},
    {Role::ffn_norm, {"transformer.h.{}.post_attention_layernorm"}, {""}, {Dim::hidden}, serial,
     serial},
    {Role::attn_q, fused, {"blk.{}.attn_qkv"}, {Dim::q, Dim::hidden}, Needed::always, biased},
    {Role::attn_k, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}, Needed::always, biased},
    {Role::attn_v, fused, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden}, Needed::always, biased},
    {Role::attn_output, {"transformer.h.{}.self_attention.dense"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, biased},
    {Role::ffn_up, {"transformer.h.{}.mlp.dense_h_to_4h"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, Needed::always, biased},
    {Role::ffn_down, {"transformer.h.{}.mlp.dense_4h_to_h"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, biased},
    {Role::output_norm, {"transformer.ln_f"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "num_hidden_layers n_layer", KeyKind::integer, "", "block_count"},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "2048", "context_length", nullptr,
     false},
    {Fact::hidden, "hidden_size n_embed", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "ffn_hidden_size", KeyKind::integer, four_hidden, "#blk.0.ffn_up.weight:0"},
    {Fact::heads, "num_attention_heads n_head", KeyKind::integer, "", "attention.head_count"},
    {Fact::kv_heads, "num_kv_heads n_head_kv", KeyKind::integer, from_heads,
     "attention.head_count_kv"},
    {kv_in_gguf, "", KeyKind::count, "0", "attention.head_count_kv", nullptr, false},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {Fact::norm_eps, "layer_norm_epsilon", KeyKind::real, "1e-05", "attention.layer_norm_epsilon"},
    {new_decoder, "new_decoder_architecture", KeyKind::flag, "false", "?blk.*.attn_norm_2.weight"},
    {norms_in_parallel, "num_ln_in_parallel_attn", KeyKind::optional_integer, "null", ""},
    {multi_query, "multi_query", KeyKind::flag, "true", ""},
    {parallel, "parallel_attn", KeyKind::flag, "true", ""},
    {alibi, "alibi", KeyKind::flag, "false", ""},
    {bias, "bias", KeyKind::flag, "false", "?blk.*.attn_qkv.bias"},
};
// A GGUF counts the key heads, by which the kinds are told apart; a layer of the new kind may have
// one norm like the first models.
void settle_gguf(Facts& f) {
  const int64_t kv = f.integer(kv_in_gguf);
  f.set(multi_query, kv == 1);
  if (kv == 1 || kv == f.integer(Fact::heads) || f.flag(new_decoder)) return;
  f.set(new_decoder, true);
  f.set(norms_in_parallel, int64_t{1});
}
// The first models count heads although they share one key head.
void settle(ModelFacts& model) {
  Facts& f = model.facts;
  if (f.integer(kv_in_gguf) > 0) settle_gguf(f);
  f.set(kv_in_gguf, int64_t{0});
  if (f.flag(new_decoder)) return;
  if (f.integer(Fact::kv_heads) != 1 && f.flag(multi_query)) f.set(Fact::kv_heads, int64_t{1});
  if (!f.flag(multi_query)) f.set(Fact::kv_heads, f.integer(Fact::heads));
}
constexpr GgufKey gguf_keys[] = {
    {"tensor_data_layout",
     [](const ModelFacts&) { return std::optional(MetaValue::string("jploski")); }},
    // The published files say nothing, and 2048 is meant.
    {"context_length",
     [](const ModelFacts& m) {
       return blocks::u32(std::max<int64_t>(2048, m.facts.integer(Fact::context)));
     }},
};

}  // namespace

const Architecture falcon = {
    .name = "falcon",
    .aliases = "RefinedWebModel RefinedWeb",
    .classes = "FalconForCausalLM RWForCausalLM FalconModel",
    .gguf = "falcon",
    .tensors = {tensors},
    .keys = {keys, blocks::rope_base, blocks::tied},
    .gguf_keys = {gguf_keys, blocks::four_hidden_key},
    .settle = settle,
    .constants = R"({"activation": "gelu", "attention_dropout": 0.0, "hidden_dropout": 0.0,
                     "initializer_range": 0.02, "use_cache": true})",
    .prefixes = "transformer.",
    .limits = {{GgufLimit::Kind::unloadable, "ffn_hidden_size", "takes 4 times the width",
                blocks::is_not_four_hidden},
               {GgufLimit::Kind::refused, "alibi", "has rotary positions for this architecture",
                [](const ModelFacts& m) { return m.facts.flag(alibi); }},
               {GgufLimit::Kind::refused, "parallel_attn", "computes attention and MLP in parallel",
                [](const ModelFacts& m) {
                  return !m.facts.flag(new_decoder) && !m.facts.flag(parallel);
                }},
               {GgufLimit::Kind::refused, "bias", "has no biases of matrices",
                [](const ModelFacts& m) { return m.facts.flag(bias); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

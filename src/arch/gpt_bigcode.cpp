#include "arch/blocks.h"
#include "arch/families.h"

// GPT-BigCode (SantaCoder, StarCoder): GPT-2 with one key head for all queries; matrices [out, in].
namespace recast {

namespace {

constexpr Fact multi_query{"multi_query"};
constexpr Needed one_key{true,
                         [](const ModelFacts& m, int) { return m.facts.flag(multi_query); }};
constexpr Needed many_keys{true,
                           [](const ModelFacts& m, int) { return !m.facts.flag(multi_query); }};
// With a key for every head each head's query, key and value stand together.
constexpr Cell by_head{"transformer.h.{}.attn.c_attn", nullptr, ".weight", ".bias", Form::plain,
                       Dim::heads};
constexpr Cell by_head_in_gguf{"blk.{}.attn_qkv", nullptr, ".weight", ".bias", Form::plain,
                               Dim::heads};
constexpr TensorRow tensors[] = {
    {Role::token_embd, {"transformer.wte"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::position_embd, {"transformer.wpe"}, {"position_embd"}, {Dim::context, Dim::hidden}},
    {Role::attn_norm, {"transformer.h.{}.ln_1"}, {"blk.{}.attn_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_q, {"transformer.h.{}.attn.c_attn"}, {"blk.{}.attn_qkv"}, {Dim::q, Dim::hidden},
     one_key, one_key},
    {Role::attn_k, {"transformer.h.{}.attn.c_attn"}, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden},
     one_key, one_key},
    {Role::attn_v, {"transformer.h.{}.attn.c_attn"}, {"blk.{}.attn_qkv"}, {Dim::kv, Dim::hidden},
     one_key, one_key},
    {Role::attn_q, by_head, by_head_in_gguf, {Dim::q, Dim::hidden}, many_keys, many_keys},
    {Role::attn_k, by_head, by_head_in_gguf, {Dim::kv, Dim::hidden}, many_keys, many_keys},
    {Role::attn_v, by_head, by_head_in_gguf, {Dim::kv, Dim::hidden}, many_keys, many_keys},
    {Role::attn_output, {"transformer.h.{}.attn.c_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::always},
    {Role::ffn_norm, {"transformer.h.{}.ln_2"}, {"blk.{}.ffn_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::ffn_up, {"transformer.h.{}.mlp.c_fc"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::always},
    {Role::ffn_down, {"transformer.h.{}.mlp.c_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::always},
    {Role::output_norm, {"transformer.ln_f"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
// The reference always counts one key head; the rows tell.
constexpr Conversion fewer_rows = {
    [](double n, const ModelFacts&) { return n; },
    [](double n, const ModelFacts& m) {
      return n < 3 * static_cast<double>(m.facts.integer(Fact::hidden)) ? 1.0 : 0.0;
    }};
constexpr KeyRow keys[] = {
    {Fact::layers, "n_layer num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "n_positions max_position_embeddings", KeyKind::integer, "",
     "context_length"},
    {Fact::hidden, "n_embd hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "n_inner", KeyKind::integer, four_hidden, "#blk.0.ffn_up.weight:0"},
    {Fact::heads, "n_head num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::norm_eps, "layer_norm_epsilon", KeyKind::real, "1e-05",
     "attention.layer_norm_epsilon"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::kv_heads, "", KeyKind::integer, "1", "attention.head_count_kv", nullptr, false},
    {multi_query, "multi_query", KeyKind::flag, "true", "#blk.0.attn_qkv.weight:0", &fewer_rows},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
};
void settle(ModelFacts& model) {
  if (!model.facts.flag(multi_query))
    model.facts.set(Fact::kv_heads, model.facts.integer(Fact::heads));
}

constexpr GgufKey one_key_head[] = {
    {"attention.head_count_kv", [](const ModelFacts&) { return blocks::u32(1); }},
};

}  // namespace

const Architecture gpt_bigcode = {
    .name = "gpt_bigcode",
    .classes = "GPTBigCodeForCausalLM GPTBigCodeModel",
    .gguf = "starcoder",
    .tensors = {tensors},
    .keys = {keys, blocks::tied},
    .gguf_keys = {one_key_head, blocks::four_hidden_key},
    .settle = settle,
    .constants = R"({"activation_function": "gelu_pytorch_tanh", "attention_softmax_in_fp32": true,
                     "attn_pdrop": 0.1, "embd_pdrop": 0.1, "initializer_range": 0.02,
                     "resid_pdrop": 0.1, "scale_attention_softmax_in_fp32": true,
                     "scale_attn_weights": true, "use_cache": true})",
    .prefixes = "transformer.",
    .ignored = {{"activation_function",
                 "\"gelu_pytorch_tanh\" \"gelu_new\" \"gelu\" \"gelu_fast\"",
                 "computes GELU by the tanh form"}},
    .limits = {{GgufLimit::Kind::unloadable, "multi_query", "has one key head for all queries",
                [](const ModelFacts& m) { return !m.facts.flag(multi_query); }},
               {GgufLimit::Kind::unloadable, "n_inner", "takes 4 times the width",
                blocks::is_not_four_hidden}},
    .dropped = ".attn.bias .attn.masked_bias",
    .rope = false,
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// OPT: learned positions that start at 2, norms before the blocks or behind them. No runtime of GGUF
// loads it.
namespace recast {

namespace {

constexpr Fact embd{"word_embed_proj_dim"}, norm_before{"do_layer_norm_before"},
    no_final_norm{"_remove_final_layer_norm"}, bias{"enable_bias"},
    affine{"layer_norm_elementwise_affine"};

constexpr Dim embd_width{embd, [](const ModelFacts& m) { return m.facts.integer(embd); }};
constexpr Dim positions{Fact::context,
                        [](const ModelFacts& m) { return m.facts.integer(Fact::context) + 2; }};
constexpr Needed biased{true, [](const ModelFacts& m, int) { return m.facts.flag(bias); }};
constexpr Needed norm{true, [](const ModelFacts& m, int) { return m.facts.flag(affine); }};
constexpr Needed final_norm{true, [](const ModelFacts& m, int) {
  return m.facts.flag(affine) && m.facts.flag(norm_before) && !m.facts.flag(no_final_norm);
}};
constexpr Needed projected{true, [](const ModelFacts& m, int) {
  return m.facts.integer(embd) != m.facts.integer(Fact::hidden);
}};

constexpr TensorRow tensors[] = {
    {Role::token_embd, {"model.decoder.embed_tokens"}, {""}, {Dim::vocab, embd_width}},
    {Role::position_embd, {"model.decoder.embed_positions"}, {""}, {positions, Dim::hidden}},
    {Role::project_in, {"model.decoder.project_in"}, {""}, {Dim::hidden, embd_width}, projected},
    {Role::attn_norm, {"model.decoder.layers.{}.self_attn_layer_norm"}, {""}, {Dim::hidden}, norm,
     norm},
    {Role::attn_q, {"model.decoder.layers.{}.self_attn.q_proj"}, {""}, {Dim::q, Dim::hidden},
     Needed::always, biased},
    {Role::attn_k, {"model.decoder.layers.{}.self_attn.k_proj"}, {""}, {Dim::kv, Dim::hidden},
     Needed::always, biased},
    {Role::attn_v, {"model.decoder.layers.{}.self_attn.v_proj"}, {""}, {Dim::kv, Dim::hidden},
     Needed::always, biased},
    {Role::attn_output, {"model.decoder.layers.{}.self_attn.out_proj"}, {""},
     {Dim::hidden, Dim::q}, Needed::always, biased},
    {Role::ffn_norm, {"model.decoder.layers.{}.final_layer_norm"}, {""}, {Dim::hidden}, norm,
     norm},
    {Role::ffn_up, {"model.decoder.layers.{}.fc1"}, {""}, {Dim::ffn, Dim::hidden}, Needed::always,
     biased},
    {Role::ffn_down, {"model.decoder.layers.{}.fc2"}, {""}, {Dim::hidden, Dim::ffn},
     Needed::always, biased},
    {Role::output_norm, {"model.decoder.final_layer_norm"}, {""}, {Dim::hidden}, final_norm,
     final_norm},
    {Role::project_out, {"model.decoder.project_out"}, {""}, {embd_width, Dim::hidden}, projected},
    {Role::output, {"lm_head"}, {""}, {Dim::vocab, embd_width}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", ""},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "2048", ""},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", ""},
    {embd, "word_embed_proj_dim", KeyKind::integer, same_as_hidden, ""},
    {Fact::ffn, "ffn_dim", KeyKind::integer, "", ""},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", ""},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, ""},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", ""},
    {norm_before, "do_layer_norm_before", KeyKind::flag, "true", ""},
    {no_final_norm, "_remove_final_layer_norm", KeyKind::flag, "false", ""},
    {bias, "enable_bias", KeyKind::flag, "true", ""},
    {affine, "layer_norm_elementwise_affine", KeyKind::flag, "true", ""},
};

}  // namespace

const Architecture opt = {
    .name = "opt",
    .classes = "OPTForCausalLM OPTModel",
    .gguf = "",
    .tensors = {tensors},
    .keys = {keys, blocks::tied},
    .constants = R"({"activation_function": "relu", "attention_dropout": 0.0, "dropout": 0.1,
                     "init_std": 0.02, "layerdrop": 0.0, "use_cache": true})",
    .prefixes = "model.",
    .rope = false,
};

}  // namespace recast

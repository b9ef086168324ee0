#include "arch/blocks.h"
#include "arch/families.h"

// GPT-J: parallel block, interleaved rotary pairs on the first dimensions of each head. No runtime
// of GGUF loads it.
namespace recast {

namespace {

constexpr TensorRow tensors[] = {
    {Role::token_embd, {"transformer.wte"}, {""}, {Dim::vocab, Dim::hidden}},
    {Role::attn_norm, {"transformer.h.{}.ln_1"}, {""}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::attn_q, {"transformer.h.{}.attn.q_proj"}, {""}, {Dim::q, Dim::hidden}},
    {Role::attn_k, {"transformer.h.{}.attn.k_proj"}, {""}, {Dim::kv, Dim::hidden}},
    {Role::attn_v, {"transformer.h.{}.attn.v_proj"}, {""}, {Dim::kv, Dim::hidden}},
    {Role::attn_output, {"transformer.h.{}.attn.out_proj"}, {""}, {Dim::hidden, Dim::q}},
    {Role::ffn_up, {"transformer.h.{}.mlp.fc_in"}, {""}, {Dim::ffn, Dim::hidden}, Needed::always,
     Needed::always},
    {Role::ffn_down, {"transformer.h.{}.mlp.fc_out"}, {""}, {Dim::hidden, Dim::ffn},
     Needed::always, Needed::always},
    {Role::output_norm, {"transformer.ln_f"}, {""}, {Dim::hidden}, Needed::always, Needed::always},
    {Role::output, {"lm_head"}, {""}, {Dim::vocab, Dim::hidden}, Needed::untied, Needed::always},
};
constexpr Fact rotary_dim{"rotary_dim"};
constexpr KeyRow keys[] = {
    {Fact::layers, "n_layer num_hidden_layers", KeyKind::integer, "", ""},
    {Fact::context, "n_positions max_position_embeddings", KeyKind::integer, "2048", ""},
    {Fact::hidden, "n_embd hidden_size", KeyKind::integer, "", ""},
    {Fact::ffn, "n_inner", KeyKind::integer, four_hidden, ""},
    {Fact::heads, "n_head num_attention_heads", KeyKind::integer, "", ""},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", ""},
    {Fact::norm_eps, "layer_norm_epsilon", KeyKind::real, "1e-05", ""},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, ""},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {rotary_dim, "rotary_dim", KeyKind::integer, "64", ""},
};

}  // namespace

const Architecture gptj = {
    .name = "gptj",
    .classes = "GPTJForCausalLM GPTJModel",
    .gguf = "",
    .tensors = {tensors},
    .keys = {keys, blocks::untied},
    .constants = R"({"activation_function": "gelu_new", "attn_pdrop": 0.0, "embd_pdrop": 0.0,
                     "initializer_range": 0.02, "resid_pdrop": 0.0, "use_cache": true})",
    .prefixes = "transformer.",
    .dropped = ".attn.bias .attn.masked_bias",
    .rope = false,
};

}  // namespace recast

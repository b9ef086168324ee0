#include "arch/blocks.h"
#include "arch/families.h"

// Phi 1 and 2: parallel attention and MLP behind one LayerNorm, biases everywhere, a part of each
// head turns.
namespace recast {

namespace {

constexpr Fact qk_norm{"qk_layernorm"};
constexpr Needed with_qk_norm{true,
                              [](const ModelFacts& m, int) { return m.facts.flag(qk_norm); }};
constexpr TensorRow tensors[] = {
    {Role::attn_norm, {"model.layers.{}.input_layernorm"}, {"blk.{}.attn_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_q, {"model.layers.{}.self_attn.q_proj"}, {"blk.{}.attn_q"}, {Dim::q, Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_k, {"model.layers.{}.self_attn.k_proj"}, {"blk.{}.attn_k"}, {Dim::kv, Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_v, {"model.layers.{}.self_attn.v_proj"}, {"blk.{}.attn_v"}, {Dim::kv, Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_q_norm, {"model.layers.{}.self_attn.q_layernorm"}, {""}, {Dim::head_dim},
     with_qk_norm, with_qk_norm},
    {Role::attn_k_norm, {"model.layers.{}.self_attn.k_layernorm"}, {""}, {Dim::head_dim},
     with_qk_norm, with_qk_norm},
    {Role::attn_output, {"model.layers.{}.self_attn.dense"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::always},
    {Role::ffn_up, {"model.layers.{}.mlp.fc1"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::always},
    {Role::ffn_down, {"model.layers.{}.mlp.fc2"}, {"blk.{}.ffn_down"}, {Dim::hidden, Dim::ffn},
     Needed::always, Needed::always},
    {Role::output_norm, {"model.final_layernorm"}, {"output_norm"}, {Dim::hidden}, Needed::always,
     Needed::always},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied,
     Needed::always},
};
// The reference says what the runtime takes; the tensors tell what there is.
constexpr KeyRow decoder_keys[] = {
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "", "context_length"},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "intermediate_size", KeyKind::integer, "", "#blk.0.ffn_up.weight:0"},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, from_heads,
     "#blk.0.attn_k.weight:0", &blocks::rows_of_usual_heads},
};
constexpr GgufKey as_many_key_heads[] = {
    {"attention.head_count_kv",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(Fact::heads)); }},
};
constexpr KeyRow keys[] = {
    {Fact::partial_rotary, "partial_rotary_factor", KeyKind::real, "0.5", ""},
    {qk_norm, "qk_layernorm", KeyKind::flag, "false", ""},
};

}  // namespace

const Architecture phi = {
    .name = "phi",
    .aliases = "phi-msft",
    .classes = "PhiForCausalLM PhiModel",
    .gguf = "phi2",
    .tensors = {blocks::rope_tensors, blocks::embedding, tensors},
    .keys = {decoder_keys, blocks::head_dim_default_hidden, keys, blocks::layer_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys, blocks::rope_dimension_key,
                  blocks::four_hidden_key, as_many_key_heads},
    .constants = R"({"attention_dropout": 0.0, "embd_pdrop": 0.0, "hidden_act": "gelu_new",
                     "initializer_range": 0.02, "resid_pdrop": 0.0, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"gelu_new\" \"gelu_pytorch_tanh\" \"gelu\"",
                 "computes GELU by the tanh form"}},
    .limits = {{GgufLimit::Kind::refused, "qk_layernorm", "has no norms of q and k",
                [](const ModelFacts& m) { return m.facts.flag(qk_norm); }},
               {GgufLimit::Kind::unloadable, "intermediate_size", "takes 4 times the width",
                blocks::is_not_four_hidden},
               {GgufLimit::Kind::unloadable, "num_key_value_heads",
                "takes as many key heads as query heads", blocks::has_fewer_kv_heads}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// DistilBERT: BERT without token types and pooler. A GGUF says "bert".
namespace recast {

namespace {

constexpr TensorRow tensors[] = {
    {Role::token_embd, {"embeddings.word_embeddings"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::position_embd, {"embeddings.position_embeddings"}, {"position_embd"},
     {Dim::context, Dim::hidden}},
    {Role::token_embd_norm, {"embeddings.LayerNorm"}, {"token_embd_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_q, {"transformer.layer.{}.attention.q_lin"}, {"blk.{}.attn_q"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_k, {"transformer.layer.{}.attention.k_lin"}, {"blk.{}.attn_k"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_v, {"transformer.layer.{}.attention.v_lin"}, {"blk.{}.attn_v"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_output, {"transformer.layer.{}.attention.out_lin"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::always},
    {Role::attn_output_norm, {"transformer.layer.{}.sa_layer_norm"}, {"blk.{}.attn_output_norm"},
     {Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_up, {"transformer.layer.{}.ffn.lin1"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::always},
    {Role::ffn_down, {"transformer.layer.{}.ffn.lin2"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::always},
    {Role::layer_output_norm, {"transformer.layer.{}.output_layer_norm"},
     {"blk.{}.layer_output_norm"}, {Dim::hidden}, Needed::always, Needed::always},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "n_layers num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::hidden, "dim hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "hidden_dim", KeyKind::integer, "", "feed_forward_length"},
    {Fact::heads, "n_heads num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, ""},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "512", "context_length"},
};
constexpr GgufKey gguf_keys[] = {
    {"attention.causal",
     [](const ModelFacts&) { return std::optional(MetaValue::boolean(false)); }},
    {"attention.layer_norm_epsilon",
     [](const ModelFacts&) { return std::optional(MetaValue::f32(1e-12f)); }},
};

}  // namespace

const Architecture distilbert = {
    .name = "distilbert",
    .classes = "DistilBertModel DistilBertForMaskedLM DistilBertForSequenceClassification "
               "DistilBertForQuestionAnswering DistilBertForTokenClassification",
    .gguf = "bert",
    .gguf_matches = [](const Checkpoint& source) { return !source.find("token_types.weight"); },
    .tensors = {tensors},
    .keys = {keys},
    .gguf_keys = {gguf_keys},
    .constants = R"({"activation": "gelu", "attention_dropout": 0.1, "dropout": 0.1,
                     "initializer_range": 0.02, "qa_dropout": 0.1, "seq_classif_dropout": 0.2,
                     "sinusoidal_pos_embds": false})",
    .prefixes = "distilbert.",
    .suffixes = "gamma=weight beta=bias",
    .ignored = {{"activation", "\"gelu\"", "computes GELU by the tanh form"}},
    .dropped = ".position_ids",
    .parts = "vocab_ pre_classifier. classifier. qa_outputs.",
    .rope = false,
};

}  // namespace recast

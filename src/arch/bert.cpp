#include "arch/blocks.h"
#include "arch/families.h"

// BERT and RoBERTa: encoders with norms behind attention and MLP. The heads of pre-training are no
// part of the encoder.
namespace recast {

namespace {

constexpr TensorRow embeddings[] = {
    {Role::token_embd, {"embeddings.word_embeddings"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
};
constexpr TensorRow positions[] = {
    {Role::position_embd, {"embeddings.position_embeddings"}, {"position_embd"},
     {Dim::context, Dim::hidden}},
};
constexpr Fact types{"type_vocab_size"};
constexpr Dim type_rows{types, [](const ModelFacts& m) { return m.facts.integer(types); }};

// Positions start behind the padding token; GGUF leaves the rows before out.
constexpr Fact padding{"pad_token_id"};
constexpr Dim unused_positions{
    padding, [](const ModelFacts& m) { return m.facts.integer(padding) + 1; }};
constexpr TensorRow roberta_positions[] = {
    {Role::position_embd, {"embeddings.position_embeddings"},
     {"position_embd", nullptr, ".weight", ".bias", Form::plain, {}, unused_positions},
     {Dim::context, Dim::hidden}},
};
constexpr Conversion without_unused = {
    [](double n, const ModelFacts& m) {
      return n - static_cast<double>(m.facts.integer(padding)) - 1;
    },
    [](double n, const ModelFacts& m) {
      return n + static_cast<double>(m.facts.integer(padding)) + 1;
    }};

constexpr TensorRow encoder[] = {
    {Role::token_types, {"embeddings.token_type_embeddings"}, {"token_types"},
     {type_rows, Dim::hidden}},
    {Role::token_embd_norm, {"embeddings.LayerNorm"}, {"token_embd_norm"}, {Dim::hidden},
     Needed::always, Needed::always},
    {Role::attn_q, {"encoder.layer.{}.attention.self.query"}, {"blk.{}.attn_q"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_k, {"encoder.layer.{}.attention.self.key"}, {"blk.{}.attn_k"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_v, {"encoder.layer.{}.attention.self.value"}, {"blk.{}.attn_v"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_output, {"encoder.layer.{}.attention.output.dense"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::always},
    {Role::attn_output_norm, {"encoder.layer.{}.attention.output.LayerNorm"},
     {"blk.{}.attn_output_norm"}, {Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_up, {"encoder.layer.{}.intermediate.dense"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::always},
    {Role::ffn_down, {"encoder.layer.{}.output.dense"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::always},
    {Role::layer_output_norm, {"encoder.layer.{}.output.LayerNorm"}, {"blk.{}.layer_output_norm"},
     {Dim::hidden}, Needed::always, Needed::always},
    {Role::pooler, {"pooler.dense"}, {""}, {Dim::hidden, Dim::hidden}, Needed::optional,
     Needed::optional},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "intermediate_size", KeyKind::integer, "", "feed_forward_length"},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, ""},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {types, "type_vocab_size", KeyKind::integer, "2", "#token_types.weight:0"},
    {Fact::norm_eps, "layer_norm_eps", KeyKind::real, "1e-12", "attention.layer_norm_epsilon"},
};
constexpr KeyRow bert_positions[] = {
    {Fact::context, "max_position_embeddings", KeyKind::integer, "512", "context_length"},
};
constexpr KeyRow roberta_keys[] = {
    {padding, "pad_token_id", KeyKind::count, "1", ""},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "512", "context_length",
     &without_unused},
};
constexpr GgufKey not_causal[] = {
    {"attention.causal", [](const ModelFacts&) { return std::optional(MetaValue::boolean(false)); }},
};
constexpr std::string_view constants =
    R"({"attention_probs_dropout_prob": 0.1, "classifier_dropout": null, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "position_embedding_type": "absolute",
        "use_cache": true})";
constexpr std::string_view pretraining_heads = "cls. lm_head. classifier. qa_outputs.";
const std::vector<IgnoredByGguf> ignored = {
    {"hidden_act", "\"gelu\" \"gelu_new\" \"gelu_pytorch_tanh\"", "computes GELU by the tanh form"},
    {"position_embedding_type", "\"absolute\" null", "adds learned positions"}};

}  // namespace

const Architecture bert = {
    .name = "bert",
    .classes = "BertModel BertForMaskedLM BertForPreTraining BertForSequenceClassification "
               "BertForQuestionAnswering BertForTokenClassification BertLMHeadModel",
    .gguf = "bert",
    .tensors = {embeddings, positions, encoder},
    .keys = {keys, bert_positions},
    .gguf_keys = {not_causal},
    .constants = constants,
    .prefixes = "bert.",
    .suffixes = "gamma=weight beta=bias",
    .ignored = ignored,
    .dropped = ".position_ids",
    .parts = pretraining_heads,
    .rope = false,
};

const Architecture roberta = {
    .name = "roberta",
    .aliases = "xlm-roberta camembert",
    .classes = "RobertaModel RobertaForMaskedLM RobertaForSequenceClassification XLMRobertaModel "
               "XLMRobertaForMaskedLM XLMRobertaForSequenceClassification CamembertModel "
               "CamembertForMaskedLM",
    .gguf = "bert",
    .gguf_matches = [](const Checkpoint& source) {
      const MetaValue* kind = source.metadata.find("tokenizer.ggml.model");
      return kind && kind->as_string() && *kind->as_string() != "bert";
    },
    .tensors = {embeddings, roberta_positions, encoder},
    .keys = {keys, roberta_keys},
    .gguf_keys = {not_causal},
    .constants = constants,
    .prefixes = "roberta.",
    .suffixes = "gamma=weight beta=bias",
    .ignored = ignored,
    .dropped = ".position_ids",
    .parts = pretraining_heads,
    .rope = false,
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// T5: encoder and decoder with relative position buckets that the first layer of each holds.
namespace recast {

namespace {

constexpr Fact decoder_layers{"decoder_layers"}, buckets{"relative_attention_num_buckets"},
    gated{"is_gated_act"}, projection{"feed_forward_proj"}, start{"decoder_start_token_id"},
    scaled{"scale_decoder_outputs"}, in_gguf{"in_gguf"};
constexpr Dim bucket_rows{buckets, [](const ModelFacts& m) { return m.facts.integer(buckets); }};
constexpr Needed first_layer{true, [](const ModelFacts&, int layer) { return layer == 0; }};
constexpr Needed with_gate{true, [](const ModelFacts& m, int) { return m.facts.flag(gated); }};
constexpr Needed without_gate{true, [](const ModelFacts& m, int) { return !m.facts.flag(gated); }};

constexpr TensorRow encoder[] = {
    {Role::token_embd, {"shared"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::enc_attn_norm, {"encoder.block.{}.layer.0.layer_norm"}, {"enc.blk.{}.attn_norm"},
     {Dim::hidden}},
    {Role::enc_attn_q, {"encoder.block.{}.layer.0.SelfAttention.q"}, {"enc.blk.{}.attn_q"},
     {Dim::q, Dim::hidden}},
    {Role::enc_attn_k, {"encoder.block.{}.layer.0.SelfAttention.k"}, {"enc.blk.{}.attn_k"},
     {Dim::q, Dim::hidden}},
    {Role::enc_attn_v, {"encoder.block.{}.layer.0.SelfAttention.v"}, {"enc.blk.{}.attn_v"},
     {Dim::q, Dim::hidden}},
    {Role::enc_attn_output, {"encoder.block.{}.layer.0.SelfAttention.o"}, {"enc.blk.{}.attn_o"},
     {Dim::hidden, Dim::q}},
    {Role::enc_attn_rel_b, {"encoder.block.{}.layer.0.SelfAttention.relative_attention_bias"},
     {"enc.blk.{}.attn_rel_b"}, {bucket_rows, Dim::heads}, first_layer},
    {Role::enc_ffn_norm, {"encoder.block.{}.layer.1.layer_norm"}, {"enc.blk.{}.ffn_norm"},
     {Dim::hidden}},
    {Role::enc_ffn_up, {"encoder.block.{}.layer.1.DenseReluDense.wi"}, {"enc.blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, without_gate},
    {Role::enc_ffn_gate, {"encoder.block.{}.layer.1.DenseReluDense.wi_0"},
     {"enc.blk.{}.ffn_gate"}, {Dim::ffn, Dim::hidden}, with_gate},
    {Role::enc_ffn_up, {"encoder.block.{}.layer.1.DenseReluDense.wi_1"}, {"enc.blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, with_gate},
    {Role::enc_ffn_down, {"encoder.block.{}.layer.1.DenseReluDense.wo"}, {"enc.blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}},
};
constexpr TensorRow decoder[] = {
    {Role::attn_norm, {"decoder.block.{}.layer.0.layer_norm"}, {"dec.blk.{}.attn_norm"},
     {Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::attn_q, {"decoder.block.{}.layer.0.SelfAttention.q"}, {"dec.blk.{}.attn_q"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::attn_k, {"decoder.block.{}.layer.0.SelfAttention.k"}, {"dec.blk.{}.attn_k"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::attn_v, {"decoder.block.{}.layer.0.SelfAttention.v"}, {"dec.blk.{}.attn_v"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::attn_output, {"decoder.block.{}.layer.0.SelfAttention.o"}, {"dec.blk.{}.attn_o"},
     {Dim::hidden, Dim::q}, Needed::always, Needed::never, decoder_layers},
    {Role::attn_rel_b, {"decoder.block.{}.layer.0.SelfAttention.relative_attention_bias"},
     {"dec.blk.{}.attn_rel_b"}, {bucket_rows, Dim::heads}, first_layer, Needed::never,
     decoder_layers},
    {Role::cross_norm, {"decoder.block.{}.layer.1.layer_norm"}, {"dec.blk.{}.cross_attn_norm"},
     {Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::cross_q, {"decoder.block.{}.layer.1.EncDecAttention.q"}, {"dec.blk.{}.cross_attn_q"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::cross_k, {"decoder.block.{}.layer.1.EncDecAttention.k"}, {"dec.blk.{}.cross_attn_k"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::cross_v, {"decoder.block.{}.layer.1.EncDecAttention.v"}, {"dec.blk.{}.cross_attn_v"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::cross_output, {"decoder.block.{}.layer.1.EncDecAttention.o"},
     {"dec.blk.{}.cross_attn_o"}, {Dim::hidden, Dim::q}, Needed::always, Needed::never,
     decoder_layers},
    {Role::ffn_norm, {"decoder.block.{}.layer.2.layer_norm"}, {"dec.blk.{}.ffn_norm"},
     {Dim::hidden}, Needed::always, Needed::never, decoder_layers},
    {Role::ffn_up, {"decoder.block.{}.layer.2.DenseReluDense.wi"}, {"dec.blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, without_gate, Needed::never, decoder_layers},
    {Role::ffn_gate, {"decoder.block.{}.layer.2.DenseReluDense.wi_0"}, {"dec.blk.{}.ffn_gate"},
     {Dim::ffn, Dim::hidden}, with_gate, Needed::never, decoder_layers},
    {Role::ffn_up, {"decoder.block.{}.layer.2.DenseReluDense.wi_1"}, {"dec.blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}, with_gate, Needed::never, decoder_layers},
    {Role::ffn_down, {"decoder.block.{}.layer.2.DenseReluDense.wo"}, {"dec.blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::never, decoder_layers},
    {Role::enc_output_norm, {"encoder.final_layer_norm"}, {"enc.output_norm"}, {Dim::hidden}},
    {Role::output_norm, {"decoder.final_layer_norm"}, {"dec.output_norm"}, {Dim::hidden}},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "num_layers", KeyKind::integer, "", "block_count"},
    {decoder_layers, "num_decoder_layers", KeyKind::integer, from_layers, "decoder_block_count"},
    {Fact::context, "n_positions", KeyKind::integer, "512", "context_length"},
    {Fact::hidden, "d_model", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "d_ff", KeyKind::integer, "", "feed_forward_length"},
    {Fact::heads, "num_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, ""},
    {Fact::head_dim, "d_kv", KeyKind::integer, "64", "attention.key_length", nullptr, false},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::norm_eps, "layer_norm_epsilon", KeyKind::real, "1e-06",
     "attention.layer_norm_epsilon"},
    {buckets, "relative_attention_num_buckets", KeyKind::integer, "32",
     "attention.relative_buckets_count"},
    {start, "decoder_start_token_id", KeyKind::count, "0", "decoder_start_token_id"},
    {projection, "feed_forward_proj", KeyKind::text, "\"relu\"", ""},
    {gated, "is_gated_act", KeyKind::flag, "false", "?enc.blk.*.ffn_gate.weight"},
};
constexpr KeyRow scale_keys[] = {
    {scaled, "scale_decoder_outputs", KeyKind::flag, "null", ""},
    {in_gguf, "", KeyKind::flag, "false", "?token_embd.weight"},
};
// Whether the decoder's outputs are scaled: as the old flag of the tied head says; a GGUF does not
// tell, and the releases with a gate do not scale.
void settle(ModelFacts& model) {
  Facts& f = model.facts;
  if (f.text(projection).starts_with("gated")) f.set(gated, true);
  if (f.flag(gated) && !f.text(projection).starts_with("gated"))
    f.set(projection, std::string("gated-gelu"));
  if (!f.has(scaled)) f.set(scaled, f.flag(Fact::tied) && !(f.flag(in_gguf) && f.flag(gated)));
  f.set(in_gguf, false);
}
constexpr GgufKey gguf_keys[] = {
    {"attention.layer_norm_rms_epsilon",
     [](const ModelFacts& m) {
       return std::optional(MetaValue::f32(static_cast<float>(m.facts.real(Fact::norm_eps))));
     }},
};

}  // namespace

const Architecture t5 = {
    .name = "t5",
    .aliases = "mt5 umt5",
    .classes = "T5ForConditionalGeneration T5WithLMHeadModel T5Model MT5ForConditionalGeneration "
               "MT5Model",
    .gguf = "t5",
    .tensors = {encoder, decoder},
    .keys = {keys, blocks::tied, scale_keys},
    .gguf_keys = {gguf_keys, blocks::head_dim_keys},
    .settle = settle,
    .constants = R"({"classifier_dropout": 0.0, "dropout_rate": 0.1, "initializer_factor": 1.0,
                     "is_encoder_decoder": true, "relative_attention_max_distance": 128,
                     "use_cache": true})",
    .ignored = {{"relative_attention_max_distance", "128 null", "takes 128"}},
    .limits = {{GgufLimit::Kind::ignored, "tie_word_embeddings",
                "does not scale the tied head by the root of the width",
                [](const ModelFacts& m) {
                  return m.facts.flag(Fact::tied) && m.facts.flag(scaled);
                }},
               {GgufLimit::Kind::ignored, "feed_forward_proj",
                "computes ReLU without a gate and GELU with one",
                [](const ModelFacts& m) {
                  const std::string_view p = m.facts.text(projection);
                  return p != "relu" && p != "gated-gelu";
                }}},
    .dropped = "encoder.embed_tokens.weight decoder.embed_tokens.weight",
    .rope = false,
};

}  // namespace recast

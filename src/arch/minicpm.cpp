#include <cmath>

#include "arch/blocks.h"
#include "arch/families.h"

// MiniCPM: Llama with scaled embedding, residual and logits; MiniCPM 3 has latent attention.
namespace recast {

namespace {

constexpr Fact scale_emb{"scale_emb"}, scale_depth{"scale_depth"}, model_base{"dim_model_base"};
constexpr Conversion residual = {
    [](double depth, const ModelFacts& m) {
      return depth / std::sqrt(static_cast<double>(m.facts.integer(Fact::layers)));
    },
    [](double scale, const ModelFacts& m) {
      return scale * std::sqrt(static_cast<double>(m.facts.integer(Fact::layers)));
    }};
constexpr Conversion logits = {
    [](double base, const ModelFacts& m) {
      return static_cast<double>(m.facts.integer(Fact::hidden)) / base;
    },
    [](double scale, const ModelFacts& m) {
      return static_cast<double>(m.facts.integer(Fact::hidden)) / scale;
    }};
constexpr KeyRow scales[] = {
    {scale_emb, "scale_emb", KeyKind::real, "1", "embedding_scale"},
    {scale_depth, "scale_depth", KeyKind::real, "1", "residual_scale", &residual},
    {model_base, "dim_model_base", KeyKind::real, "1", "logit_scale", &logits},
};
constexpr std::string_view constants =
    R"({"attention_bias": false, "attention_dropout": 0.0, "hidden_act": "silu",
        "initializer_range": 0.1, "use_cache": true})";

constexpr Fact q_rank{"q_lora_rank"}, kv_rank{"kv_lora_rank"}, nope{"qk_nope_head_dim"},
    value_dim{"v_head_dim"};
constexpr Dim q_rank_dim{q_rank, [](const ModelFacts& m) { return m.facts.integer(q_rank); }};
constexpr Dim kv_rank_dim{kv_rank, [](const ModelFacts& m) { return m.facts.integer(kv_rank); }};
constexpr Dim q_rows{nope, [](const ModelFacts& m) {
  return m.facts.integer(Fact::heads) * (m.facts.integer(nope) + m.facts.integer(Fact::head_dim));
}};
constexpr Dim kv_a_rows{kv_rank, [](const ModelFacts& m) {
  return m.facts.integer(kv_rank) + m.facts.integer(Fact::head_dim);
}};
constexpr Dim kv_b_rows{nope, [](const ModelFacts& m) {
  return m.facts.integer(Fact::heads) * (m.facts.integer(nope) + m.facts.integer(value_dim));
}};
constexpr Dim values{value_dim, [](const ModelFacts& m) {
  return m.facts.integer(Fact::heads) * m.facts.integer(value_dim);
}};
constexpr TensorRow latent_attention[] = {
    {Role::attn_q_a, {"model.layers.{}.self_attn.q_a_proj"}, {"blk.{}.attn_q_a"},
     {q_rank_dim, Dim::hidden}},
    {Role::attn_q_a_norm, {"model.layers.{}.self_attn.q_a_layernorm"}, {"blk.{}.attn_q_a_norm"},
     {q_rank_dim}},
    {Role::attn_q_b, {"model.layers.{}.self_attn.q_b_proj"}, {"blk.{}.attn_q_b"},
     {q_rows, q_rank_dim}},
    {Role::attn_kv_a, {"model.layers.{}.self_attn.kv_a_proj_with_mqa"}, {"blk.{}.attn_kv_a_mqa"},
     {kv_a_rows, Dim::hidden}},
    {Role::attn_kv_a_norm, {"model.layers.{}.self_attn.kv_a_layernorm"}, {"blk.{}.attn_kv_a_norm"},
     {kv_rank_dim}},
    {Role::attn_kv_b, {"model.layers.{}.self_attn.kv_b_proj"}, {"blk.{}.attn_kv_b"},
     {kv_b_rows, kv_rank_dim}},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, values}},
};
constexpr Conversion key_length = {
    [](double n, const ModelFacts& m) {
      return n + static_cast<double>(m.facts.integer(Fact::head_dim));
    },
    [](double n, const ModelFacts& m) {
      return n - static_cast<double>(m.facts.integer(Fact::head_dim));
    }};
constexpr KeyRow minicpm3_keys[] = {
    // The rotary part of each head is what rope sees as the head.
    {Fact::head_dim, "qk_rope_head_dim", KeyKind::integer, "32", "rope.dimension_count"},
    {nope, "qk_nope_head_dim", KeyKind::integer, "64", "attention.key_length", &key_length},
    {q_rank, "q_lora_rank", KeyKind::integer, "768", "attention.q_lora_rank"},
    {kv_rank, "kv_lora_rank", KeyKind::integer, "256", "attention.kv_lora_rank"},
    {value_dim, "v_head_dim", KeyKind::integer, from_hidden, ""},
    {scale_emb, "scale_emb", KeyKind::real, "12", ""},
    {scale_depth, "scale_depth", KeyKind::real, "1.4", ""},
    {model_base, "dim_model_base", KeyKind::integer, "256", ""},
};

}  // namespace

const Architecture minicpm = {
    .name = "minicpm",
    .classes = "MiniCPMForCausalLM MiniCPMModel",
    .gguf = "minicpm",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             scales, blocks::rms_norm, blocks::rope_base, blocks::tied},
    .gguf_keys = {blocks::unusual_head_dim_keys},
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
    .gguf_longrope = true,
};

const Architecture minicpm3 = {
    .name = "minicpm3",
    .classes = "MiniCPM3ForCausalLM MiniCPM3Model",
    .gguf = "minicpm3",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, latent_attention,
                blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, minicpm3_keys, blocks::rms_norm,
             blocks::rope_base, blocks::tied},
    .gguf_keys = {blocks::vocab_size_key},
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::ignored, "scale_emb", "scales by 12, 1.4 and 256",
                [](const ModelFacts& m) {
                  return m.facts.real(scale_emb) != 12 || m.facts.real(scale_depth) != 1.4 ||
                         m.facts.real(model_base) != 256;
                }}},
    .dropped = ".rotary_emb.inv_freq",
    .gguf_longrope = true,
};

}  // namespace recast

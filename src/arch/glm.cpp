#include "arch/blocks.h"
#include "arch/families.h"

// GLM (4-9b): gate and up in one matrix, half of each head turns in interleaved pairs. A GGUF says
// "chatglm", has neither a head width nor the norms' epsilon, and calls the width the context.
namespace recast {

namespace {

constexpr KeyRow keys[] = {
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "max_position_embeddings", KeyKind::integer, "", "context_length", nullptr,
     false},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "intermediate_size", KeyKind::integer, "", "feed_forward_length"},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "2", "attention.head_count_kv"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "#blk.0.attn_q.weight:0",
     &blocks::rows_of_heads},
    {Fact::partial_rotary, "partial_rotary_factor", KeyKind::real, "0.5", "rope.dimension_count",
     &blocks::share_of_usual_width, false},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1.5625e-07", ""},
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "true", "?blk.*.attn_q.bias"},
};
constexpr GgufKey gguf_keys[] = {
    {"context_length",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(Fact::hidden)); }},
    {"attention.layer_norm_rms_epsilon",
     [](const ModelFacts&) { return std::optional(MetaValue::f32(1e-5f)); }},
};

}  // namespace

const Architecture glm = {
    .name = "glm",
    .classes = "GlmForCausalLM GlmModel",
    .gguf = "chatglm",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms,
                blocks::qkv_biased_attention, blocks::fused_ffn, blocks::head},
    .keys = {keys, blocks::rope_base, blocks::untied},
    .gguf_keys = {gguf_keys, blocks::usual_rope_dimension_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::ignored, "rms_norm_eps", "takes 1e-5",
                [](const ModelFacts& m) { return m.facts.real(Fact::norm_eps) != 1e-5; }},
               blocks::needs_usual_head_dim},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

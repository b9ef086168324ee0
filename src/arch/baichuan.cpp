#include "arch/blocks.h"
#include "arch/families.h"

// Baichuan: Llama with q, k and v in one matrix. The runtime takes models of 40 layers for the ones
// with ALiBi (13B).
namespace recast {

namespace {

constexpr TensorRow attention[] = {
    {Role::attn_q, {"model.layers.{}.self_attn.W_pack"}, {"blk.{}.attn_q", &permute_rope},
     {Dim::q, Dim::hidden}},
    {Role::attn_k, {"model.layers.{}.self_attn.W_pack"}, {"blk.{}.attn_k", &permute_rope},
     {Dim::kv, Dim::hidden}},
    {Role::attn_v, {"model.layers.{}.self_attn.W_pack"}, {"blk.{}.attn_v"},
     {Dim::kv, Dim::hidden}},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "num_hidden_layers", KeyKind::integer, "", "block_count"},
    {Fact::context, "model_max_length max_position_embeddings", KeyKind::integer, "",
     "context_length"},
    {Fact::hidden, "hidden_size", KeyKind::integer, "", "embedding_length"},
    {Fact::ffn, "intermediate_size", KeyKind::integer, "", "feed_forward_length"},
    {Fact::heads, "num_attention_heads", KeyKind::integer, "", "attention.head_count"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {Fact::kv_heads, "", KeyKind::integer, from_heads, "attention.head_count_kv"},
    {Fact::head_dim, "", KeyKind::integer, from_hidden, ""},
};
constexpr GgufKey layout[] = {
    {"tensor_data_layout",
     [](const ModelFacts&) { return std::optional(MetaValue::string("Meta AI original pth")); }},
};

}  // namespace

const Architecture baichuan = {
    .name = "baichuan",
    .classes = "BaichuanForCausalLM BaiChuanForCausalLM BaichuanModel",
    .gguf = "baichuan",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, attention,
                blocks::gated_ffn, blocks::head},
    .keys = {keys, blocks::rms_norm, blocks::rope_base, blocks::untied},
    .gguf_keys = {layout, blocks::rope_dimension_key},
    .constants = R"({"hidden_act": "silu", "initializer_range": 0.02, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    // Baichuan 2 makes the rows of the head unit vectors when it is used; its vocabulary tells it.
    .limits = {{GgufLimit::Kind::ignored, "vocab_size", "does not make the head's rows unit vectors",
                [](const ModelFacts& m) { return m.facts.integer(Fact::vocab) == 125696; }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// Phi-3: q, k, v in one matrix, gate and up in another, in both conventions.
namespace recast {

namespace {

constexpr TensorRow block[] = {
    {Role::attn_q, {"model.layers.{}.self_attn.qkv_proj"}, {"blk.{}.attn_qkv"},
     {Dim::q, Dim::hidden}},
    {Role::attn_k, {"model.layers.{}.self_attn.qkv_proj"}, {"blk.{}.attn_qkv"},
     {Dim::kv, Dim::hidden}},
    {Role::attn_v, {"model.layers.{}.self_attn.qkv_proj"}, {"blk.{}.attn_qkv"},
     {Dim::kv, Dim::hidden}},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}},
};
constexpr KeyRow keys[] = {
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "null",
     "attention.sliding_window", nullptr, false},
    {Fact::partial_rotary, "partial_rotary_factor", KeyKind::real, "1.0", ""},
};

// Written as 0, too: without the key the runtime takes 2047.
constexpr GgufKey window_key[] = {
    {"attention.sliding_window",
     [](const ModelFacts& m) { return blocks::u32(m.facts.integer(Fact::sliding_window)); }},
};

}  // namespace

const Architecture phi3 = {
    .name = "phi3",
    .classes = "Phi3ForCausalLM Phi3Model",
    .gguf = "phi3",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, block,
                blocks::fused_ffn, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             keys, blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys, blocks::rope_dimension_key, window_key},
    .constants = R"({"attention_dropout": 0.0, "embd_pdrop": 0.0, "hidden_act": "silu",
                     "initializer_range": 0.02, "resid_pdrop": 0.0, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"sliding_window", "null 0", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
    .gguf_longrope = true,
    .gguf_original_context = true,
};

}  // namespace recast

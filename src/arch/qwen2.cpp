#include "arch/blocks.h"
#include "arch/families.h"

// Qwen2: biases on q, k and v whatever the config says, none on the output.
namespace recast {

namespace {

constexpr TensorRow attention[] = {
    {Role::attn_q, {"model.layers.{}.self_attn.q_proj"}, {"blk.{}.attn_q"},
     {Dim::q, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_k, {"model.layers.{}.self_attn.k_proj"}, {"blk.{}.attn_k"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_v, {"model.layers.{}.self_attn.v_proj"}, {"blk.{}.attn_v"},
     {Dim::kv, Dim::hidden}, Needed::always, Needed::always},
    {Role::attn_output, {"model.layers.{}.self_attn.o_proj"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "32", "attention.head_count_kv"},
};

}  // namespace

const Architecture qwen2 = {
    .name = "qwen2",
    .classes = "Qwen2ForCausalLM Qwen2Model",
    .gguf = "qwen2",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, attention,
                blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, keys, blocks::head_dim_default_hidden, blocks::rms_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "sliding_window": null, "use_cache": true, "use_sliding_window": false})",
    .prefixes = "model.",
    .ignored = {{"use_sliding_window", "false null", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

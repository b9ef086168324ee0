#include "arch/blocks.h"
#include "arch/families.h"

// SmolLM 3: Llama without positions on every fourth layer.
namespace recast {

namespace {

constexpr KeyRow smollm3_keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "4", "attention.head_count_kv"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "2000000.0", "rope.freq_base"},
    {blocks::rope_layers, "no_rope_layers", KeyKind::layer_flags, "=period:4", ""},
};

}  // namespace

const Architecture smollm3 = {
    .name = "smollm3",
    .classes = "SmolLM3ForCausalLM SmolLM3Model",
    .gguf = "smollm3",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, smollm3_keys, blocks::head_dim_default_hidden,
             blocks::attention_bias, blocks::mlp_bias, blocks::rms_norm, blocks::tied},
    .gguf_keys = {blocks::unusual_head_dim_keys, blocks::rope_dimension_key,
                  blocks::vocab_size_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "no_rope_layer_interval": 4, "sliding_window": null, "use_cache": true,
                     "use_sliding_window": false})",
    .prefixes = "model.",
    .ignored = {{"use_sliding_window", "false null", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::ignored, "no_rope_layers", "turns all but every fourth layer",
                blocks::has_other_rope_layers}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

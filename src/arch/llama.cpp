#include "arch/blocks.h"
#include "arch/families.h"

// Llama, and Mistral, which has the same tensors, other class defaults and one window. GGUF holds
// the rows of q and k in the order of interleaved rotary pairs.
namespace recast {

namespace {

constexpr KeyRow llama_keys[] = {
    {Fact::attention_bias, "attention_bias", KeyKind::flag, "false", "?blk.*.attn_q.bias"},
    {Fact::mlp_bias, "mlp_bias", KeyKind::flag, "false", "?blk.*.ffn_down.bias"},
};
constexpr KeyRow mistral_keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "4096", ""},
};

}  // namespace

const Architecture llama = {
    .name = "llama",
    .classes = "LlamaForCausalLM LLaMAForCausalLM LlamaModel",
    .gguf = "llama",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             blocks::rms_norm, blocks::rope_base, llama_keys, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, blocks::vocab_size_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "pretraining_tp": 1, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture mistral = {
    .name = "mistral",
    .classes = "MistralForCausalLM MistralModel",
    .gguf = "llama",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, mistral_keys, blocks::head_dim_default_hidden, blocks::rms_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, blocks::vocab_size_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"sliding_window", "null 0", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// Ministral 3: Llama whose queries grow with the position behind the first context; the factor of
// that stands among the members of yarn.
namespace recast {

namespace {

constexpr Fact beta{"llama_4_scaling_beta"};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "attention.key_length", nullptr, false},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "1000000.0", "rope.freq_base"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "null", ""},
    {beta, "", KeyKind::optional_real, "null", "attention.temperature_scale"},
};
void settle(ModelFacts& model) {
  for (const auto& [key, value] : model.rope.unknown)
    if (key == beta.name)
      if (const auto number = value.as_double()) return model.facts.set(beta, *number);
  if (model.facts.has(beta)) model.rope.unknown.emplace_back(beta.name, model.facts.real(beta));
}

}  // namespace

const Architecture ministral3 = {
    .name = "ministral3",
    .classes = "Ministral3ForCausalLM Ministral3Model",
    .gguf = "mistral3",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, keys, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, blocks::vocab_size_key},
    .settle = settle,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"sliding_window", "null 0", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
    .gguf_mscale = 1,
};

}  // namespace recast

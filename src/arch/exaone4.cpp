#include "arch/blocks.h"
#include "arch/families.h"

// EXAONE 4: norms behind the blocks, norms over the heads of q and k; the large kind has windows on
// three layers of four and no positions on the fourth.
namespace recast {

namespace {

constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "32", "attention.head_count_kv"},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "4096",
     "attention.sliding_window"},
    {Fact::window_layers, "layer_types sliding_window_pattern", KeyKind::layer_types, "=period:4",
     "attention.sliding_window_pattern"},
};
// Without a window every layer is alike, whatever the list says.
void settle(ModelFacts& model) {
  if (model.facts.integer(Fact::sliding_window) == 0)
    model.facts.set(Fact::window_layers,
                    std::vector<int64_t>(
                        static_cast<size_t>(model.facts.integer(Fact::layers)), 0));
}

}  // namespace

const Architecture exaone4 = {
    .name = "exaone4",
    .classes = "Exaone4ForCausalLM Exaone4Model",
    .gguf = "exaone4",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::attention, blocks::head_norms,
                blocks::gated_ffn, blocks::post_norms, blocks::head},
    .keys = {blocks::decoder_keys, keys, blocks::head_dim_default_hidden, blocks::rope_base,
             blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys, blocks::vocab_size_key},
    .settle = settle,
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {blocks::needs_usual_head_dim,
               {GgufLimit::Kind::ignored, "sliding_window",
                "knows the windows only of models with 64 layers",
                [](const ModelFacts& m) {
                  return m.facts.integer(Fact::sliding_window) > 0 &&
                         m.facts.integer(Fact::layers) != 64;
                }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

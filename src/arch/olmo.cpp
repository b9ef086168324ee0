#include "arch/blocks.h"
#include "arch/families.h"

// OLMo: norms without weights; OLMo 2: norms behind the blocks and over the full width of q and k;
// OLMoE: Llama's norms, norms over the full width, routed experts.
namespace recast {

namespace {

constexpr Fact clip{"clip_qkv"}, norm_topk{"norm_topk_prob"};
constexpr TensorRow plain_head[] = {
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow olmo_keys[] = {
    {clip, "clip_qkv", KeyKind::optional_real, "null", "attention.clamp_kqv"},
};
constexpr GgufKey fixed_epsilon[] = {
    {"attention.layer_norm_epsilon",
     [](const ModelFacts&) { return std::optional(MetaValue::f32(1e-5f)); }},
};
constexpr KeyRow olmo2_keys[] = {
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
};
const GgufLimit has_biases = {GgufLimit::Kind::unloadable, "attention_bias",
                              "has no biases of attention",
                              [](const ModelFacts& m) {
                                return m.facts.flag(Fact::attention_bias);
                              }};
constexpr KeyRow olmo3_keys[] = {
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "4096",
     "attention.sliding_window"},
    {Fact::window_layers, "layer_types", KeyKind::layer_types, "=period:4",
     "attention.sliding_window_pattern"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "500000.0", "rope.freq_base"},
    {Fact::rope_theta_swa, "", KeyKind::real, same_as_theta, "rope.freq_base_swa"},
};
constexpr KeyRow olmoe_keys[] = {
    {clip, "clip_qkv", KeyKind::optional_real, "null", ""},
    {norm_topk, "norm_topk_prob", KeyKind::flag, "false", ""},
    {Fact::experts, "num_experts", KeyKind::integer, "64", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "8", "expert_used_count"},
    {Fact::expert_ffn, "", KeyKind::integer, from_ffn, ""},
};
constexpr std::string_view constants =
    R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
        "use_cache": true})";

}  // namespace

const Architecture olmo = {
    .name = "olmo",
    .aliases = "hf_olmo",
    .classes = "OlmoForCausalLM OlmoModel",
    .gguf = "olmo",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::permuted_attention,
                blocks::gated_ffn, plain_head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             olmo_keys, blocks::attention_bias, blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys, fixed_epsilon},
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture olmo2 = {
    .name = "olmo2",
    .classes = "Olmo2ForCausalLM Olmo2Model",
    .gguf = "olmo2",
    .gguf_matches = [](const Checkpoint& source) {
      return !source.metadata.find("olmo2.attention.sliding_window");
    },
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::attention, blocks::full_norms,
                blocks::gated_ffn, blocks::post_norms, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             olmo2_keys, blocks::attention_bias, blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys},
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {has_biases},
    .dropped = ".rotary_emb.inv_freq",
};

const Architecture olmo3 = {
    .name = "olmo3",
    .classes = "Olmo3ForCausalLM Olmo3Model",
    .gguf = "olmo2",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::attention, blocks::full_norms,
                blocks::gated_ffn, blocks::post_norms, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             olmo2_keys, olmo3_keys, blocks::attention_bias, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys},
    .constants = constants,
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {has_biases},
    .dropped = ".rotary_emb.inv_freq",
    .rope_by_layer_type = true,
};

const Architecture olmoe = {
    .name = "olmoe",
    .classes = "OlmoeForCausalLM OlmoeModel",
    .gguf = "olmoe",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention,
                blocks::full_norms, blocks::router, blocks::experts, blocks::head},
    .also_read = {blocks::fused_experts},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             olmoe_keys, olmo2_keys, blocks::attention_bias, blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "output_router_logits": false, "router_aux_loss_coef": 0.01,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::unloadable, "num_key_value_heads",
                "takes as many key heads as query heads", blocks::has_fewer_kv_heads},
               {GgufLimit::Kind::ignored, "norm_topk_prob", "never normalises the expert weights",
                [](const ModelFacts& m) { return m.facts.flag(norm_topk); }},
               {GgufLimit::Kind::ignored, "clip_qkv", "does not clip q, k and v",
                [](const ModelFacts& m) { return m.facts.has(clip); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

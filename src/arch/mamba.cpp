#include "arch/blocks.h"
#include "arch/families.h"

// Mamba: a state-space model; GGUF holds A computed as -exp(A_log). Falcon Mamba norms B, C and the
// time step, without weights.
namespace recast {

namespace {

constexpr Fact inner{"inner"}, state{"state_size"}, kernel{"conv_kernel"}, rank{"time_step_rank"},
    bias{"use_bias"}, conv_bias{"use_conv_bias"};
constexpr Dim inner_dim{inner, [](const ModelFacts& m) { return m.facts.integer(inner); }};
constexpr Dim twice_inner{inner, [](const ModelFacts& m) { return 2 * m.facts.integer(inner); }};
constexpr Dim state_dim{state, [](const ModelFacts& m) { return m.facts.integer(state); }};
constexpr Dim kernel_dim{kernel, [](const ModelFacts& m) { return m.facts.integer(kernel); }};
constexpr Dim rank_dim{rank, [](const ModelFacts& m) { return m.facts.integer(rank); }};
constexpr Dim x_rows{rank, [](const ModelFacts& m) {
  return m.facts.integer(rank) + 2 * m.facts.integer(state);
}};
constexpr Needed biased{true, [](const ModelFacts& m, int) { return m.facts.flag(bias); }};
constexpr Needed conv_biased{true,
                             [](const ModelFacts& m, int) { return m.facts.flag(conv_bias); }};

constexpr TensorRow tensors[] = {
    {Role::token_embd, {"backbone.embeddings"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::attn_norm, {"backbone.layers.{}.norm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::ssm_in, {"backbone.layers.{}.mixer.in_proj"}, {"blk.{}.ssm_in"},
     {twice_inner, Dim::hidden}, Needed::always, biased},
    {Role::ssm_conv1d,
     {"backbone.layers.{}.mixer.conv1d", nullptr, ".weight", ".bias", Form::unit_axis},
     {"blk.{}.ssm_conv1d"}, {inner_dim, kernel_dim}, Needed::always, conv_biased},
    {Role::ssm_x, {"backbone.layers.{}.mixer.x_proj"}, {"blk.{}.ssm_x"}, {x_rows, inner_dim}},
    {Role::ssm_dt, {"backbone.layers.{}.mixer.dt_proj"}, {"blk.{}.ssm_dt"}, {inner_dim, rank_dim},
     Needed::always, Needed::always},
    {Role::ssm_a, {"backbone.layers.{}.mixer.A_log", nullptr, ""},
     {"blk.{}.ssm_a", &minus_exp, ""}, {inner_dim, state_dim}},
    {Role::ssm_d, {"backbone.layers.{}.mixer.D", nullptr, ""}, {"blk.{}.ssm_d", nullptr, ""},
     {inner_dim}},
    {Role::ssm_out, {"backbone.layers.{}.mixer.out_proj"}, {"blk.{}.ssm_out"},
     {Dim::hidden, inner_dim}, Needed::always, biased},
    {Role::output_norm, {"backbone.norm_f"}, {"output_norm"}, {Dim::hidden}},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {Fact::layers, "num_hidden_layers n_layer", KeyKind::integer, "", "block_count"},
    {Fact::hidden, "hidden_size d_model", KeyKind::integer, "", "embedding_length"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {inner, "intermediate_size d_inner", KeyKind::integer, twice_hidden, "ssm.inner_size"},
    {state, "state_size d_state", KeyKind::integer, "16", "ssm.state_size"},
    {kernel, "conv_kernel d_conv", KeyKind::integer, "4", "ssm.conv_kernel"},
    {rank, "time_step_rank dt_rank", KeyKind::integer, hidden_16, "ssm.time_step_rank"},
    {Fact::norm_eps, "layer_norm_epsilon rms_norm_eps", KeyKind::real, "1e-05",
     "attention.layer_norm_rms_epsilon"},
    {bias, "use_bias", KeyKind::flag, "false", "?blk.*.ssm_in.bias"},
    {conv_bias, "use_conv_bias", KeyKind::flag, "true", "?blk.*.ssm_conv1d.bias"},
};
constexpr GgufKey gguf_keys[] = {
    // No limit of its own; the reference says a round number.
    {"context_length", [](const ModelFacts&) { return blocks::u32(1 << 20); }},
    {"feed_forward_length", [](const ModelFacts&) { return blocks::u32(0); }},
    {"attention.head_count", [](const ModelFacts&) { return blocks::u32(0); }},
};
constexpr GgufKey plain_key[] = {
    {"ssm.dt_b_c_rms", [](const ModelFacts&) { return std::optional(MetaValue::boolean(false)); }},
};
constexpr Fact mixer_eps{"mixer_rms_eps"};
constexpr KeyRow falcon_keys[] = {
    {mixer_eps, "mixer_rms_eps", KeyKind::real, "1e-06", ""},
};
constexpr GgufKey falcon_key[] = {
    {"ssm.dt_b_c_rms", [](const ModelFacts&) { return std::optional(MetaValue::boolean(true)); }},
};
const GgufLimit has_biases = {GgufLimit::Kind::unloadable, "use_bias",
                              "has no biases of the projections",
                              [](const ModelFacts& m) { return m.facts.flag(bias); }};
const GgufLimit other_width = {GgufLimit::Kind::unloadable, "intermediate_size",
                               "takes twice the width", [](const ModelFacts& m) {
                                 return m.facts.integer(inner) != 2 * m.facts.integer(Fact::hidden);
                               }};

}  // namespace

const Architecture mamba = {
    .name = "mamba",
    .classes = "MambaForCausalLM MambaLMHeadModel MambaModel",
    .gguf = "mamba",
    .tensors = {tensors},
    .keys = {keys, blocks::tied},
    .gguf_keys = {gguf_keys, plain_key},
    .constants = R"({"expand": 2, "hidden_act": "silu", "initializer_range": 0.1,
                     "rescale_prenorm_residual": false, "residual_in_fp32": true,
                     "time_step_floor": 0.0001, "time_step_init_scheme": "random",
                     "time_step_max": 0.1, "time_step_min": 0.001, "time_step_scale": 1.0,
                     "use_cache": true})",
    .prefixes = "backbone.",
    .limits = {has_biases, other_width},
    .rope = false,
};

const Architecture falcon_mamba = {
    .name = "falcon_mamba",
    .classes = "FalconMambaForCausalLM FalconMambaModel",
    .gguf = "mamba",
    .gguf_matches = [](const Checkpoint& source) {
      const MetaValue* norms = source.metadata.find("mamba.ssm.dt_b_c_rms");
      return norms && norms->as_bool() == true;
    },
    .tensors = {tensors},
    .keys = {keys, falcon_keys, blocks::tied},
    .gguf_keys = {gguf_keys, falcon_key},
    .constants = R"({"expand": 2, "hidden_act": "silu", "initializer_range": 0.1,
                     "rescale_prenorm_residual": false, "residual_in_fp32": true,
                     "time_step_floor": 0.0001, "time_step_init_scheme": "random",
                     "time_step_max": 0.1, "time_step_min": 0.001, "time_step_scale": 1.0,
                     "use_associative_scan": true, "use_cache": true, "use_mambapy": false})",
    .prefixes = "backbone.",
    .limits = {has_biases, other_width,
               {GgufLimit::Kind::ignored, "mixer_rms_eps", "takes the epsilon of the other norms",
                [](const ModelFacts& m) {
                  return m.facts.real(mixer_eps) != m.facts.real(Fact::norm_eps);
                }}},
    .rope = false,
};

}  // namespace recast

#include <algorithm>

#include "arch/blocks.h"
#include "arch/families.h"

// Mamba 2: heads that share one A and one D, a norm by groups before the way out; GGUF holds A
// computed as -exp(A_log).
namespace recast {

namespace {

constexpr Fact ssm_heads{"num_heads"}, ssm_width{"head_dim"}, state{"state_size"},
    kernel{"conv_kernel"}, groups{"n_groups"}, bias{"use_bias"}, conv_bias{"use_conv_bias"},
    expand{"expand"};

int64_t inner(const ModelFacts& m) {
  return m.facts.integer(ssm_heads) * m.facts.integer(ssm_width);
}
int64_t conv(const ModelFacts& m) {
  return inner(m) + 2 * m.facts.integer(groups) * m.facts.integer(state);
}
constexpr Dim heads_dim{ssm_heads, [](const ModelFacts& m) { return m.facts.integer(ssm_heads); }};
constexpr Dim inner_dim{ssm_heads, inner};
constexpr Dim conv_dim{ssm_heads, conv};
constexpr Dim in_rows{ssm_heads, [](const ModelFacts& m) {
  return inner(m) + conv(m) + m.facts.integer(ssm_heads);
}};
constexpr Dim kernel_dim{kernel, [](const ModelFacts& m) { return m.facts.integer(kernel); }};
constexpr Dim groups_dim{groups, [](const ModelFacts& m) { return m.facts.integer(groups); }};
constexpr Dim group_width{ssm_heads, [](const ModelFacts& m) {
  return inner(m) / std::max<int64_t>(1, m.facts.integer(groups));
}};
constexpr Needed biased{true, [](const ModelFacts& m, int) { return m.facts.flag(bias); }};
constexpr Needed conv_biased{true,
                             [](const ModelFacts& m, int) { return m.facts.flag(conv_bias); }};

constexpr TensorRow tensors[] = {
    {Role::token_embd, {"backbone.embeddings"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::attn_norm, {"backbone.layers.{}.norm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::ssm_in, {"backbone.layers.{}.mixer.in_proj"}, {"blk.{}.ssm_in"},
     {in_rows, Dim::hidden}, Needed::always, biased},
    {Role::ssm_conv1d,
     {"backbone.layers.{}.mixer.conv1d", nullptr, ".weight", ".bias", Form::unit_axis},
     {"blk.{}.ssm_conv1d"}, {conv_dim, kernel_dim}, Needed::always, conv_biased},
    {Role::ssm_dt, {"backbone.layers.{}.mixer.dt_bias", nullptr, ""},
     {"blk.{}.ssm_dt", nullptr, ".bias"}, {heads_dim}},
    {Role::ssm_a,
     {"backbone.layers.{}.mixer.A_log", nullptr, "", ".bias", Form::vector},
     {"blk.{}.ssm_a", &minus_exp, ""}, {heads_dim, Dim::one}},
    {Role::ssm_d, {"backbone.layers.{}.mixer.D", nullptr, "", ".bias", Form::vector},
     {"blk.{}.ssm_d", nullptr, ""}, {heads_dim, Dim::one}},
    {Role::ssm_norm,
     {"backbone.layers.{}.mixer.norm", nullptr, ".weight", ".bias", Form::vector},
     {"blk.{}.ssm_norm"}, {groups_dim, group_width}},
    {Role::ssm_out, {"backbone.layers.{}.mixer.out_proj"}, {"blk.{}.ssm_out"},
     {Dim::hidden, inner_dim}, Needed::always, biased},
    {Role::output_norm, {"backbone.norm_f"}, {"output_norm"}, {Dim::hidden}},
    {Role::output, {"lm_head"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr Conversion by_head_width = {
    [](double n, const ModelFacts& m) {
      return n * static_cast<double>(m.facts.integer(ssm_heads));
    },
    [](double n, const ModelFacts& m) {
      return n / static_cast<double>(std::max<int64_t>(1, m.facts.integer(ssm_heads)));
    }};
constexpr KeyRow keys[] = {
    {Fact::layers, "num_hidden_layers n_layer", KeyKind::integer, "", "block_count"},
    {Fact::hidden, "hidden_size d_model", KeyKind::integer, "", "embedding_length"},
    {Fact::vocab, "vocab_size", KeyKind::integer, "", "#token_embd.weight:0"},
    {ssm_heads, "num_heads", KeyKind::integer, "128", "ssm.time_step_rank"},
    {ssm_width, "head_dim", KeyKind::integer, "64", "ssm.inner_size", &by_head_width},
    {state, "state_size d_state", KeyKind::integer, "128", "ssm.state_size"},
    {kernel, "conv_kernel d_conv", KeyKind::integer, "4", "ssm.conv_kernel"},
    {groups, "n_groups", KeyKind::integer, "8", "ssm.group_count"},
    {expand, "expand", KeyKind::integer, "2", ""},
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

}  // namespace

const Architecture mamba2 = {
    .name = "mamba2",
    .classes = "Mamba2ForCausalLM Mamba2Model",
    .gguf = "mamba2",
    .tensors = {tensors},
    .keys = {keys, blocks::untied},
    .gguf_keys = {gguf_keys},
    .constants = R"({"chunk_size": 256, "hidden_act": "silu", "initializer_range": 0.1,
                     "rescale_prenorm_residual": false, "residual_in_fp32": true,
                     "time_step_floor": 0.0001, "time_step_max": 0.1, "time_step_min": 0.001,
                     "use_cache": true})",
    .prefixes = "backbone.",
    .limits = {{GgufLimit::Kind::unloadable, "use_bias", "has no biases of the projections",
                [](const ModelFacts& m) { return m.facts.flag(bias); }},
               {GgufLimit::Kind::unloadable, "use_conv_bias", "needs a bias of the convolution",
                [](const ModelFacts& m) { return !m.facts.flag(conv_bias); }}},
    .rope = false,
};

}  // namespace recast

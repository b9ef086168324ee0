#include "arch/blocks.h"
#include "arch/families.h"

// ERNIE 4.5: Llama with interleaved rotary pairs in both conventions.
namespace recast {

namespace {

constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "2", "attention.head_count_kv"},
    {Fact::head_dim, "head_dim", KeyKind::integer, "128", "attention.key_length", nullptr, false},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "500000.0", "rope.freq_base"},
    {Fact::attention_bias, "use_bias", KeyKind::flag, "false", "?blk.*.attn_q.bias"},
};
// The published form of the first release.
constexpr TensorRow fused[] = {
    {Role::attn_q, {"model.layers.{}.self_attn.qkv_proj"}, {""}, {Dim::q, Dim::hidden}},
    {Role::attn_k, {"model.layers.{}.self_attn.qkv_proj"}, {""}, {Dim::kv, Dim::hidden}},
    {Role::attn_v, {"model.layers.{}.self_attn.qkv_proj"}, {""}, {Dim::kv, Dim::hidden}},
    {Role::ffn_gate, {"model.layers.{}.mlp.up_gate_proj"}, {""}, {Dim::ffn, Dim::hidden}},
    {Role::ffn_up, {"model.layers.{}.mlp.up_gate_proj"}, {""}, {Dim::ffn, Dim::hidden}},
};
constexpr TensorRow mlp[] = {
    {Role::ffn_gate, {"model.layers.{}.mlp.gate_proj"}, {"blk.{}.ffn_gate"},
     {Dim::ffn, Dim::hidden}, Needed::always, Needed::attention_bias},
    {Role::ffn_up, {"model.layers.{}.mlp.up_proj"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::attention_bias},
    {Role::ffn_down, {"model.layers.{}.mlp.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::attention_bias},
};

}  // namespace

const Architecture ernie4_5 = {
    .name = "ernie4_5",
    .classes = "Ernie4_5ForCausalLM Ernie4_5_ForCausalLM Ernie4_5Model",
    .gguf = "ernie4_5",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::attention, mlp,
                blocks::head},
    .also_read = {fused},
    .keys = {blocks::decoder_keys, keys, blocks::tied},
    .gguf_keys = {blocks::head_dim_keys},
    .constants = R"({"hidden_act": "silu", "initializer_range": 0.02, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .limits = {{GgufLimit::Kind::unloadable, "use_bias", "has no biases",
                [](const ModelFacts& m) { return m.facts.flag(Fact::attention_bias); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

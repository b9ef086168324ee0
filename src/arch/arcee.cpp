#include "arch/blocks.h"
#include "arch/families.h"

// Arcee (AFM): Llama with an MLP without gate, whose activation is the square of ReLU.
namespace recast {

namespace {

constexpr TensorRow mlp[] = {
    {Role::ffn_up, {"model.layers.{}.mlp.up_proj"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::mlp_bias},
    {Role::ffn_down, {"model.layers.{}.mlp.down_proj"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}, Needed::always, Needed::mlp_bias},
};
constexpr KeyRow keys[] = {
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
};

}  // namespace

const Architecture arcee = {
    .name = "arcee",
    .classes = "ArceeForCausalLM ArceeModel",
    .gguf = "arcee",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                mlp, blocks::head},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             keys, blocks::attention_bias, blocks::mlp_bias, blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, blocks::vocab_size_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "relu2", "initializer_range": 0.02,
                     "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"relu2\"", "computes the square of ReLU"}},
    .limits = {{GgufLimit::Kind::unloadable, "mlp_bias", "has no biases of the MLP",
                [](const ModelFacts& m) { return m.facts.flag(Fact::mlp_bias); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// StarCoder2: LayerNorms, biases everywhere, an MLP without a gate.
namespace recast {

namespace {

constexpr TensorRow mlp[] = {
    {Role::ffn_up, {"model.layers.{}.mlp.c_fc"}, {"blk.{}.ffn_up"}, {Dim::ffn, Dim::hidden},
     Needed::always, Needed::attention_bias},
    {Role::ffn_down, {"model.layers.{}.mlp.c_proj"}, {"blk.{}.ffn_down"}, {Dim::hidden, Dim::ffn},
     Needed::always, Needed::attention_bias},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "2", "attention.head_count_kv"},
    {Fact::attention_bias, "use_bias", KeyKind::flag, "true", "?blk.*.attn_q.bias"},
    {Fact::norm_eps, "norm_epsilon", KeyKind::real, "1e-05", "attention.layer_norm_epsilon"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "null", ""},
};

}  // namespace

const Architecture starcoder2 = {
    .name = "starcoder2",
    .classes = "Starcoder2ForCausalLM Starcoder2Model",
    .gguf = "starcoder2",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::layer_norms, blocks::attention,
                mlp, blocks::layer_norm_head},
    .keys = {blocks::decoder_keys, blocks::head_dim_default_hidden, keys, blocks::rope_base,
             blocks::tied},
    .gguf_keys = {blocks::unusual_head_dim_keys},
    .constants = R"({"attention_dropout": 0.0, "embedding_dropout": 0.0,
                     "hidden_act": "gelu_pytorch_tanh", "initializer_range": 0.018042,
                     "residual_dropout": 0.0, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"sliding_window", "null 0", "attends to every earlier token"},
                {"hidden_act", "\"gelu_pytorch_tanh\" \"gelu\" \"gelu_new\"",
                 "computes GELU by the tanh form"}},
    .limits = {{GgufLimit::Kind::unloadable, "use_bias", "needs the biases",
                [](const ModelFacts& m) { return !m.facts.flag(Fact::attention_bias); }}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// Mixtral: Llama with routed experts; a GGUF says "llama" with a count of experts.
namespace recast {

namespace {

// As transformers holds them in memory; one tensor an expert in old GGUF files.
constexpr TensorRow other_experts[] = {
    {Role::router, {"model.layers.{}.mlp.gate"}, {""}, {Dim::experts, Dim::hidden}},
    {Role::expert_gate, {"model.layers.{}.mlp.experts.gate_up_proj", nullptr, ""},
     {"blk.{}.ffn_gate.{e}"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_up, {"model.layers.{}.mlp.experts.gate_up_proj", nullptr, ""},
     {"blk.{}.ffn_up.{e}"}, {Dim::experts, Dim::ffn, Dim::hidden}},
    {Role::expert_down, {"model.layers.{}.mlp.experts.down_proj", nullptr, ""},
     {"blk.{}.ffn_down.{e}"}, {Dim::experts, Dim::hidden, Dim::ffn}},
};
constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "8", "attention.head_count_kv"},
    {Fact::norm_eps, "rms_norm_eps", KeyKind::real, "1e-05", "attention.layer_norm_rms_epsilon"},
    {Fact::rope_theta, "rope_theta", KeyKind::real, "1000000.0", "rope.freq_base"},
    {Fact::experts, "num_local_experts", KeyKind::integer, "8", "expert_count"},
    {Fact::experts_used, "num_experts_per_tok", KeyKind::integer, "2", "expert_used_count"},
    {Fact::sliding_window, "sliding_window", KeyKind::optional_integer, "null", ""},
};

}  // namespace

const Architecture mixtral = {
    .name = "mixtral",
    .classes = "MixtralForCausalLM MixtralModel",
    .gguf = "llama",
    .gguf_matches = [](const Checkpoint& source) {
      const MetaValue* experts = source.metadata.find("llama.expert_count");
      return experts && experts->as_int().value_or(0) > 0;
    },
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms, blocks::permuted_attention,
                blocks::sparse_moe, blocks::head},
    .also_read = {other_experts},
    .keys = {blocks::decoder_keys, blocks::head_dim_default_hidden, keys, blocks::untied},
    .gguf_keys = {blocks::head_dim_keys, blocks::rope_dimension_key, blocks::vocab_size_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "output_router_logits": false, "router_aux_loss_coef": 0.001,
                     "router_jitter_noise": 0.0, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"sliding_window", "null 0", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

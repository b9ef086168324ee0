#include "arch/blocks.h"
#include "arch/families.h"

// InternLM 2: Llama under other names, with the queries of each key head, that key and that value in
// one matrix.
namespace recast {

namespace {

constexpr Fact bias{"bias"};
constexpr Needed biased{true, [](const ModelFacts& m, int) { return m.facts.flag(bias); }};
constexpr Cell wqkv{"model.layers.{}.attention.wqkv", nullptr, ".weight", ".bias", Form::plain,
                    Dim::kv_heads};
constexpr TensorRow tensors[] = {
    {Role::token_embd, {"model.tok_embeddings"}, {"token_embd"}, {Dim::vocab, Dim::hidden}},
    {Role::attn_norm, {"model.layers.{}.attention_norm"}, {"blk.{}.attn_norm"}, {Dim::hidden}},
    {Role::attn_q, wqkv, {"blk.{}.attn_q", &permute_rope}, {Dim::q, Dim::hidden}, Needed::always,
     biased},
    {Role::attn_k, wqkv, {"blk.{}.attn_k", &permute_rope}, {Dim::kv, Dim::hidden}, Needed::always,
     biased},
    {Role::attn_v, wqkv, {"blk.{}.attn_v"}, {Dim::kv, Dim::hidden}, Needed::always, biased},
    {Role::attn_output, {"model.layers.{}.attention.wo"}, {"blk.{}.attn_output"},
     {Dim::hidden, Dim::q}, Needed::always, biased},
    {Role::ffn_norm, {"model.layers.{}.ffn_norm"}, {"blk.{}.ffn_norm"}, {Dim::hidden}},
    {Role::ffn_gate, {"model.layers.{}.feed_forward.w1"}, {"blk.{}.ffn_gate"},
     {Dim::ffn, Dim::hidden}},
    {Role::ffn_up, {"model.layers.{}.feed_forward.w3"}, {"blk.{}.ffn_up"},
     {Dim::ffn, Dim::hidden}},
    {Role::ffn_down, {"model.layers.{}.feed_forward.w2"}, {"blk.{}.ffn_down"},
     {Dim::hidden, Dim::ffn}},
    {Role::output_norm, {"model.norm"}, {"output_norm"}, {Dim::hidden}},
    {Role::output, {"output"}, {"output"}, {Dim::vocab, Dim::hidden}, Needed::untied},
};
constexpr KeyRow keys[] = {
    {bias, "bias", KeyKind::flag, "false", "?blk.*.attn_q.bias"},
};

}  // namespace

const Architecture internlm2 = {
    .name = "internlm2",
    .aliases = "internlm",
    .classes = "InternLM2ForCausalLM InternLM2Model",
    .gguf = "internlm2",
    .tensors = {blocks::rope_tensors, tensors},
    .keys = {blocks::decoder_keys, blocks::kv_heads_default_heads, blocks::head_dim_default_hidden,
             keys, blocks::rms_norm, blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys},
    .constants = R"({"hidden_act": "silu", "initializer_range": 0.02, "use_cache": true})",
    .prefixes = "model.",
    .ignored = {{"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
};

}  // namespace recast

#include "arch/blocks.h"
#include "arch/families.h"

// The language part of Qwen2-VL and Qwen2.5-VL: Qwen2 whose rotary dimensions are shared out among
// the axes of an image; for text all axes count alike.
namespace recast {

namespace {

constexpr KeyRow keys[] = {
    {Fact::kv_heads, "num_key_value_heads", KeyKind::integer, "32", "attention.head_count_kv"},
    {Fact::attention_bias, "", KeyKind::flag, "true", "?blk.*.attn_q.bias"},
};

// Shares of time, height and width; the runtime wants four.
std::optional<MetaValue> sections(const ModelFacts& m) {
  for (const auto& [key, value] : m.rope.unknown) {
    const json::Array* list = key == "mrope_section" ? value.as_array() : nullptr;
    if (!list || list->size() > 4) continue;
    std::vector<int64_t> shares;
    for (const json::Value& item : *list) shares.push_back(item.as_int().value_or(0));
    shares.resize(4, 0);
    return MetaValue::i32s(std::move(shares));
  }
  return std::nullopt;
}
constexpr GgufKey section_key[] = {{"rope.dimension_sections", sections}};

}  // namespace

const Architecture qwen2_vl = {
    .name = "qwen2_vl_text",
    .aliases = "qwen2_5_vl_text qwen2_vl qwen2_5_vl",
    .classes = "Qwen2VLTextModel Qwen2_5_VLTextModel Qwen2VLForConditionalGeneration "
               "Qwen2_5_VLForConditionalGeneration",
    .gguf = "qwen2vl",
    .tensors = {blocks::rope_tensors, blocks::embedding, blocks::norms,
                blocks::qkv_biased_attention, blocks::gated_ffn, blocks::head},
    .keys = {blocks::decoder_keys, keys, blocks::head_dim_default_hidden, blocks::rms_norm,
             blocks::rope_base, blocks::untied},
    .gguf_keys = {blocks::unusual_head_dim_keys, section_key},
    .constants = R"({"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
                     "sliding_window": null, "use_cache": true, "use_sliding_window": false})",
    .prefixes = "model.",
    .ignored = {{"use_sliding_window", "false null", "attends to every earlier token"},
                {"hidden_act", "\"silu\"", "computes SiLU"}},
    .dropped = ".rotary_emb.inv_freq",
    .in_company = true,
};

}  // namespace recast

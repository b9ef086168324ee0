#include <algorithm>

#include "arch/facts.h"
#include "arch/rope.h"
#include "convert/carry.h"

// Which keys of a GGUF say something that neither the facts of its family nor its vocabulary hold.
namespace recast {

namespace {

// Read by rope_gguf.cpp and pooling.cpp, not by a row of a family.
constexpr std::string_view rope_names =
    "rope.scaling.type rope.scaling.factor rope.scaling.attn_factor "
    "rope.scaling.original_context_length rope.scaling.yarn_attn_factor "
    "rope.scaling.yarn_beta_fast rope.scaling.yarn_beta_slow rope.scaling.yarn_log_multiplier";
constexpr std::string_view pooling_name = "pooling_type";

// Read by tokenizer_keys.cpp, beside flags, special ids and chat templates.
constexpr std::string_view vocabulary_names =
    "model pre tokens scores token_type merges token_type_count precompiled_charsmap";

// Keys that say what every runtime does without them. Source: llama.cpp v0.5.0, llama-model.cpp.
struct Usual {
  std::string_view name;
  std::string_view flag;  // the harmless value; empty: none of its values acts
};
constexpr Usual usual[] = {
    {"attention.causal", "true"},
    {"rope.scaling.finetuned", ""},  // says how the scaling came about
    {"tensor_data_layout", ""},      // of files before GGUF had families
};

// Numbers of any width by value; all else as it is.
bool same_value(const MetaValue& a, const MetaValue& b) {
  const auto x = a.as_double(), y = b.as_double();
  return x && y ? *x == *y : a == b;
}

bool has_key_row(const Architecture& arch, std::string_view name) {
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (row.gguf == name) return true;
  return false;
}

// Keys that say again what other facts give, in families that do not write them.
struct Repeated {
  std::string_view name;
  int64_t (*value)(const ModelFacts& model);
};
constexpr Repeated repeated[] = {
    {"vocab_size", [](const ModelFacts& m) { return m.facts.integer(Fact::vocab); }},
    {"attention.key_length", [](const ModelFacts& m) { return m.facts.integer(Fact::head_dim); }},
    {"attention.value_length", [](const ModelFacts& m) { return m.facts.integer(Fact::head_dim); }},
    {"attention.head_count_kv", [](const ModelFacts& m) { return m.facts.integer(Fact::heads); }},
    {"rope.dimension_count", rope_dimensions},
};

bool is_repeated(std::string_view name) {
  return std::any_of(std::begin(repeated), std::end(repeated),
                     [&](const Repeated& row) { return row.name == name; });
}

// Whether the way back gives it again: a computed key with the same value, or one that this model
// needs not.
bool is_computed(const ModelFacts& model, std::string_view name, const MetaValue& value) {
  for (const auto& group : model.arch->gguf_keys)
    for (const GgufKey& row : group)
      if (row.key == name)
        if (const auto own = row.value(model)) return same_value(*own, value);
  return std::any_of(std::begin(repeated), std::end(repeated), [&](const Repeated& row) {
    return name == row.name && value.as_int() == row.value(model);
  });
}

bool is_read(const ModelFacts& model, std::string_view name, const MetaValue& value) {
  if (name == "rope.dimension_count" && find_key(*model.arch, Fact::partial_rotary)) return true;
  return has_key_row(*model.arch, name) || is_computed(model, name, value) ||
         name == pooling_name || (model.arch->rope && has_word(rope_names, name));
}

bool is_read_by_vocabulary(std::string_view key, const MetaValue& value) {
  constexpr std::string_view prefix = "tokenizer.ggml.";
  if (key.starts_with("tokenizer.chat_template")) return true;
  if (!key.starts_with(prefix)) return false;
  const std::string_view name = key.substr(prefix.size());
  return has_word(vocabulary_names, name) || name.ends_with("_token_id") || value.as_bool();
}

}  // namespace

std::vector<std::string> unread_gguf_keys(const Checkpoint& source, const ModelFacts& model) {
  const std::string own = std::string(model.arch->gguf) + ".";
  std::vector<std::string> out;
  for (const auto& [key, value] : source.metadata.entries()) {
    const bool read = key.starts_with(own)
                          ? is_read(model, std::string_view(key).substr(own.size()), value)
                          : !key.starts_with("tokenizer.") || is_read_by_vocabulary(key, value);
    if (!read) out.push_back(key);
  }
  return out;
}

bool may_change_results(const Architecture& arch, std::string_view key, const MetaValue& value) {
  const std::string own = std::string(arch.gguf) + ".";
  if (!key.starts_with(own)) return false;
  for (const Usual& row : usual)
    if (key.substr(own.size()) == row.name && (row.flag.empty() || value.as_bool() == true))
      return false;
  // 0 turns off what a number gives, but for an extent, which it contradicts.
  const bool off = value.type != MetaType::boolean && value.as_double() == 0.0;
  return !off || is_repeated(key.substr(own.size()));
}

}  // namespace recast

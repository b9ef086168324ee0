#include "arch/recognise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace recast {

namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

const std::string* text_member(const json::Value& config, std::string_view key) {
  const json::Value* value = config.find(key);
  return value ? value->as_string() : nullptr;
}

std::string class_of(const json::Value& config) {
  const json::Value* list = config.find("architectures");
  const json::Array* array = list ? list->as_array() : nullptr;
  const std::string* name = array && !array->empty() ? array->front().as_string() : nullptr;
  return name ? *name : "";
}

// The family of a GGUF name; several share one and are told apart by what the file has.
const Architecture* by_gguf_name(std::string_view name, const Checkpoint& source) {
  const Architecture* usual = nullptr;
  for (const Architecture* arch : all_architectures()) {
    if (arch->gguf != name) continue;
    if (arch->gguf_matches && arch->gguf_matches(source)) return arch;
    if (!arch->gguf_matches && !usual) usual = arch;
  }
  return usual;
}

// Whether `name` is an instance of a template with one number for "{}".
bool matches(std::string_view name, std::string_view pattern) {
  const size_t at = pattern.find("{}");
  if (at == std::string_view::npos) return name.starts_with(pattern) && !pattern.empty();
  if (!name.starts_with(pattern.substr(0, at))) return false;
  name.remove_prefix(at);
  size_t digits = 0;
  while (digits < name.size() && std::isdigit(static_cast<unsigned char>(name[digits]))) ++digits;
  return digits > 0 && name.substr(digits).starts_with(pattern.substr(at + 2));
}

// Share of the file's tensors whose names the family knows, in percent.
int share(const Checkpoint& source, const Architecture& arch) {
  if (source.tensors.empty()) return 0;
  size_t known = 0;
  for (const Tensor& tensor : source.tensors) {
    bool found = false;
    for (const auto& group : arch.tensors)
      for (const TensorRow& row : group)
        found = found || matches(tensor.name, row.cell(source.convention).name);
    known += found ? 1 : 0;
  }
  return static_cast<int>(known * 100 / source.tensors.size());
}

// The language part of a config that describes several parts.
Recognition by_text_config(const json::Value& config) {
  const json::Value* text = language_member(config);
  if (!text) return {};
  const std::string* type = text_member(*text, "model_type");
  const Architecture* arch = type ? find_architecture(*type) : nullptr;
  const std::string* outer = text_member(config, "model_type");
  if (!type && outer)
    for (const Architecture* candidate : all_architectures())
      if (has_word(candidate->text_of, *outer)) arch = candidate;
  const std::string shown = type ? *type : outer ? *outer : "";
  return {arch, fmt::format("config.json: text_config.model_type is {}", printable(shown)), shown};
}

Recognition by_config(const Checkpoint& source) {
  const std::string name = class_of(source.config);
  const std::string* type = text_member(source.config, "model_type");
  if (!name.empty())
    if (const Architecture* arch = find_architecture(name))
      return {arch, fmt::format("config.json: architectures[0] is {}", printable(name)), name};
  if (Recognition r = by_text_config(source.config); r.arch) return r;
  if (!name.empty()) return {nullptr, "architectures[0]", name};
  if (type)
    return {find_architecture(*type), fmt::format("config.json: model_type is {}", printable(*type)),
            *type};
  return {};
}

}  // namespace

const json::Value* language_member(const json::Value& config) {
  for (const std::string_view key : {"text_config", "llm_config", "language_config"})
    if (const json::Value* text = config.find(key); text && text->is_object()) return text;
  if (const json::Value* thinker = config.find("thinker_config"); thinker && thinker->is_object())
    return language_member(*thinker);
  return nullptr;
}

json::Value language_config(const json::Value& config) {
  const json::Value* text = config.is_object() ? language_member(config) : nullptr;
  if (!text) return config;
  json::Value out = *text;
  for (const std::string_view key : {"bos_token_id", "eos_token_id", "pad_token_id", "dtype",
                                     "torch_dtype", "vocab_size", "_name_or_path"})
    if (const json::Value* value = config.find(key); value && !out.find(key)) out.set(key, *value);
  // The head belongs to the outer model, whatever the default of the inner class is.
  if (const json::Value* tied = config.find("tie_word_embeddings"); tied && tied->as_bool())
    out.set("tie_word_embeddings", *tied);
  return out;
}

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture* arch : all_architectures()) {
    if (same_word(arch->name, name)) return arch;
    for (const std::string_view list : {arch->aliases, arch->classes})
      for (const std::string_view word : words(list))
        if (same_word(word, name)) return arch;
  }
  return nullptr;
}

Recognition recognise(const Checkpoint& source, std::string_view model_type) {
  if (!model_type.empty())
    return {find_architecture(model_type), "--model-type", std::string(model_type)};
  if (const MetaValue* own = source.metadata.find("recast.model_type"); own && own->as_string())
    if (const Architecture* arch = find_architecture(*own->as_string()))
      return {arch, "recast.model_type in the file", *own->as_string()};
  if (source.config.is_object())
    if (Recognition r = by_config(source); !r.found.empty()) return r;
  if (const MetaValue* value = source.metadata.find("general.architecture"))
    if (const std::string* name = value->as_string())
      return {by_gguf_name(*name, source),
              fmt::format("general.architecture is {}", printable(*name)), *name};
  return {};
}

Recognition require_architecture(const Checkpoint& source, std::string_view model_type) {
  Recognition r = recognise(source, model_type);
  if (r.arch) return r;
  const Architecture* nearest = nullptr;
  int best = 0;
  for (const Architecture* arch : all_architectures())
    if (const int s = share(source, *arch); s > best) {
      best = s;
      nearest = arch;
    }
  fail(codes::unknown_architecture,
       {.where = r.evidence,
        .expected = nearest ? fmt::format("a known one; the tensor names match {} best ({} %)",
                                          nearest->name, best)
                            : "a known one",
        .found = r.found.empty() ? "no name of an architecture" : printable(r.found),
        .file = model_type.empty() ? source.config_file : ""});
}

}  // namespace recast

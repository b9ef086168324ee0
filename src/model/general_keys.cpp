// Source: facts on general.* keys, section 1; order of llama.cpp's converter.
#include "model/general_keys.h"

#include <charconv>

namespace recast {
namespace {

struct Row {
  std::string_view key;  // without "general."
  MetaType type = MetaType::string;
};
constexpr Row key_table[] = {
    {"architecture"},
    {"type"},
    {"sampling.sequence"},
    {"sampling.top_k", MetaType::i32},
    {"sampling.top_p", MetaType::f32},
    {"sampling.min_p", MetaType::f32},
    {"sampling.xtc_probability", MetaType::f32},
    {"sampling.xtc_threshold", MetaType::f32},
    {"sampling.temp", MetaType::f32},
    {"sampling.penalty_last_n", MetaType::i32},
    {"sampling.penalty_repeat", MetaType::f32},
    {"sampling.mirostat", MetaType::i32},
    {"sampling.mirostat_tau", MetaType::f32},
    {"sampling.mirostat_eta", MetaType::f32},
    {"name"},
    {"author"},
    {"version"},
    {"organization"},
    {"finetune"},
    {"basename"},
    {"description"},
    {"quantized_by"},
    {"size_label"},
    {"license"},
    {"license.name"},
    {"license.link"},
    {"url"},
    {"doi"},
    {"uuid"},
    {"repo_url"},
    {"source.url"},
    {"source.doi"},
    {"source.uuid"},
    {"source.repo_url"},
    {"base_model.count", MetaType::u32},
    {"dataset.count", MetaType::u32},
    {"tags", MetaType::array},
    {"languages", MetaType::array},
    {"alignment", MetaType::u32},
    {"file_type", MetaType::u32},
    {"quantization_version", MetaType::u32},
};
constexpr uint64_t first_after_architecture = std::size(key_table) - 2;  // file_type

constexpr std::string_view field_table[] = {
    "name", "author", "version", "organization", "description", "url", "doi", "uuid", "repo_url"};

std::optional<uint64_t> row_index(std::string_view name) {
  for (uint64_t i = 0; i < std::size(key_table); ++i)
    if (key_table[i].key == name) return i;
  return std::nullopt;
}

// "base_model.0.name": behind "base_model.count", by N and then by field.
std::optional<uint64_t> link_place(std::string_view name) {
  for (const std::string_view kind : {"base_model", "dataset"}) {
    if (!name.starts_with(kind) || !name.substr(kind.size()).starts_with('.')) continue;
    name.remove_prefix(kind.size() + 1);
    uint16_t n = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), n);
    const std::string_view field = name.substr(static_cast<size_t>(end - name.data()));
    if (error != std::errc() || !field.starts_with('.')) return std::nullopt;
    for (uint64_t f = 0; f < std::size(field_table); ++f)
      if (field_table[f] == field.substr(1))
        return *row_index(kind[0] == 'b' ? "base_model.count" : "dataset.count") << 32 |
               (uint64_t{n} + 1) << 8 | f;
  }
  return std::nullopt;
}

}  // namespace

std::optional<GeneralKey> find_general_key(std::string_view key) {
  constexpr std::string_view prefix = "general.";
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  if (const auto i = row_index(key))
    return GeneralKey{.type = key_table[*i].type,
                      .place = *i << 32,
                      .after_architecture = *i >= first_after_architecture};
  if (const auto place = link_place(key))
    return GeneralKey{.type = MetaType::string, .place = *place};
  return std::nullopt;
}

std::span<const std::string_view> link_fields() { return field_table; }

}  // namespace recast

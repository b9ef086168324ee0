#include "convert/pooling.h"

#include <fmt/format.h>

#include <algorithm>

namespace recast {

namespace {

constexpr std::string_view modules_name = "modules.json";
constexpr std::string_view pooling_config = "1_Pooling/config.json";
constexpr std::string_view library_files[] = {modules_name, "config_sentence_transformers.json",
                                              "sentence_bert_config.json"};

// The kinds that both sides have: number in GGUF, flag in older configs of a pooling module, value
// of pooling_mode in newer ones. Source: llama.h, llama_pooling_type; sentence-transformers,
// Pooling.
struct PoolingRow {
  uint32_t number;
  std::string_view flag;
  std::string_view mode;
};
constexpr PoolingRow pooling_table[] = {{1, "pooling_mode_mean_tokens", "mean"},
                                        {2, "pooling_mode_cls_token", "cls"},
                                        {3, "pooling_mode_lasttoken", "lasttoken"}};
constexpr std::string_view other_flags[] = {"pooling_mode_max_tokens",
                                            "pooling_mode_mean_sqrt_len_tokens",
                                            "pooling_mode_weightedmean_tokens"};

std::string text_member(const json::Value& value, std::string_view key) {
  const json::Value* member = value.find(key);
  return member && member->as_string() ? *member->as_string() : std::string();
}

json::Value side_json(const Checkpoint& source, std::string_view name) {
  const SideFile* side = source.find_side_file(name);
  return side && side->file ? json::parse_file(*side->file) : json::Value();
}

const PoolingRow* pooling_of(const json::Value& config) {
  for (const PoolingRow& row : pooling_table)
    if (const json::Value* flag = config.find(row.flag); flag && flag->as_bool() == true)
      return &row;
  const std::string mode = text_member(config, "pooling_mode");
  for (const PoolingRow& row : pooling_table)
    if (mode == row.mode) return &row;
  return nullptr;
}

// The last word of a module's class: "Pooling" of "sentence_transformers.models.Pooling".
std::string class_of(const json::Value& module) {
  const std::string type = text_member(module, "type");
  return type.substr(type.rfind('.') + 1);
}
std::string config_path(const json::Value& module) {
  return fmt::format("{}/config.json", text_member(module, "path"));
}

// A module with weights of its own: they have no place in a GGUF.
bool has_weights(const Checkpoint& source, const json::Value& module) {
  const std::string path = text_member(module, "path");
  const std::string folder = path + "/";
  return !path.empty() &&
         std::any_of(source.side_files.begin(), source.side_files.end(), [&](const SideFile& f) {
           return f.name.starts_with(folder) && !f.name.ends_with(".json");
         });
}

// {file: content} of the library's files, without modules that stay behind.
json::Value carried_files(const Checkpoint& source, const json::Array& modules) {
  json::Array kept;
  json::Value files = json::Object{};
  for (const json::Value& module : modules) {
    if (has_weights(source, module)) continue;
    kept.push_back(module);
    const std::string path = config_path(module);
    if (path.front() == '/') continue;
    if (json::Value config = side_json(source, path); !config.is_null())
      files.set(path, std::move(config));
  }
  files.set(modules_name, std::move(kept));
  for (const std::string_view name : library_files)
    if (!files.find(name))
      if (json::Value config = side_json(source, name); !config.is_null())
        files.set(name, std::move(config));
  return files;
}

void note_module(const json::Value& module, const json::Value& config, Target& target) {
  const std::string type = class_of(module);
  if (type == "Normalize")
    target.notes.emplace_back(
        "the folder normalizes embeddings to length 1; a program that runs the GGUF does that "
        "itself");
  if (type == "Pooling" && !pooling_of(config))
    target.dropped.push_back(
        fmt::format("{} (a kind of pooling that GGUF has no number for)", config_path(module)));
}

void add_json(Target& target, std::string_view name, const json::Value& value) {
  target.checkpoint.side_files.push_back(
      {std::string(name), nullptr, json::write(value, 2) + "\n"});
}

// Of the carried files, that of the pooling module.
json::Value carried_pooling(const json::Value& files) {
  const json::Value* modules = files.find(modules_name);
  if (!modules || !modules->is_array()) return {};
  for (const json::Value& module : *modules->as_array())
    if (class_of(module) == "Pooling")
      if (const json::Value* config = files.find(config_path(module))) return *config;
  return {};
}

json::Value carried(const Checkpoint& source) {
  const MetaValue* text = source.metadata.find(modules_key);
  if (!text || !text->as_string()) return {};
  return json::parse(*text->as_string(), {.file = std::string(modules_key)});
}

json::Value module_row(int index, std::string_view path, std::string_view type) {
  return json::Object{{"idx", index},
                      {"name", std::to_string(index)},
                      {"path", path},
                      {"type", fmt::format("sentence_transformers.models.{}", type)}};
}

void add_new_files(const PoolingRow& pooling, const ModelFacts& model, Target& target) {
  json::Value config =
      json::Object{{"word_embedding_dimension", model.facts.integer(Fact::hidden)}};
  for (const PoolingRow& row : pooling_table) config.set(row.flag, &row == &pooling);
  for (const std::string_view flag : other_flags) config.set(flag, false);
  config.set("include_prompt", true);
  add_json(target, pooling_config, config);
  add_json(target, modules_name,
           json::Array{module_row(0, "", "Transformer"), module_row(1, "1_Pooling", "Pooling")});
  add_json(target, "sentence_bert_config.json",
           json::Object{{"max_seq_length", model.facts.integer(Fact::context)},
                        {"do_lower_case", false}});
}

}  // namespace

bool is_module_config(std::string_view name) {
  return std::find(std::begin(library_files), std::end(library_files), name) !=
             std::end(library_files) ||
         name.ends_with("/config.json");
}

void carry_pooling(const Checkpoint& source, std::string_view architecture, bool preserve,
                   Target& target) {
  const json::Value root = side_json(source, modules_name);
  const json::Array* modules = root.as_array();
  if (!modules) return;
  Metadata& metadata = target.checkpoint.metadata;
  for (const json::Value& module : *modules) {
    const json::Value config =
        class_of(module) == "Pooling" ? side_json(source, config_path(module)) : json::Value();
    note_module(module, config, target);
    if (const PoolingRow* row = pooling_of(config)) {
      const std::string key = fmt::format("{}.pooling_type", architecture);
      metadata.set(key, MetaValue::u32(row->number));
      target.mapped.emplace_back(config_path(module), key);
    }
  }
  if (preserve)
    metadata.set(modules_key, MetaValue::string(json::write(carried_files(source, *modules))));
}

void restore_modules(const Checkpoint& source, const ModelFacts& model, Target& target) {
  const MetaValue* stored = source.metadata.find(fmt::format("{}.pooling_type", model.arch->gguf));
  const auto number = stored ? stored->as_int() : std::nullopt;
  const auto* row =
      std::find_if(std::begin(pooling_table), std::end(pooling_table),
                   [&](const PoolingRow& r) { return number == static_cast<int64_t>(r.number); });
  const PoolingRow* pooling = row == std::end(pooling_table) ? nullptr : row;
  const json::Value files = carried(source);
  if (files.is_object() && pooling_of(carried_pooling(files)) == pooling) {
    for (const auto& [name, content] : *files.as_object())
      if (is_module_config(name)) add_json(target, name, content);
  } else if (pooling) {
    add_new_files(*pooling, model, target);
  }
  if (!pooling && number.value_or(0) != 0)
    target.dropped.push_back(
        fmt::format("{}.pooling_type {} (no module of that kind)", model.arch->gguf, *number));
}

}  // namespace recast

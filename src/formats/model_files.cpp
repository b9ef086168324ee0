#include "formats/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tokenizer/chat_template.h"
#include "wire/json.h"

namespace recast {
namespace {

constexpr std::string_view side_file_names[] = {
    "README.md",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config_sentence_transformers.json",
    "generation_config.json",
    "merges.txt",
    "modules.json",
    "preprocessor_config.json",
    "processor_config.json",
    "sentence_bert_config.json",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tekken.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
    "vocab.json",
    "vocab.txt",
};
constexpr std::string_view side_file_starts[] = {"LICENSE", "LICENCE", "NOTICE", "USE_POLICY"};
constexpr std::string_view modules_name = "modules.json";

bool is_side_file(std::string_view name, bool with_code) {
  const auto starts = [&](std::string_view start) { return name.starts_with(start); };
  return std::find(std::begin(side_file_names), std::end(side_file_names), name) !=
             std::end(side_file_names) ||
         std::any_of(std::begin(side_file_starts), std::end(side_file_starts), starts) ||
         name.ends_with(".tiktoken") || name == "tiktoken.model" ||
         (with_code && name.ends_with(".py"));
}

json::Value read_object(const Source& source, std::string_view name, std::string* file_name) {
  const auto file = source.find(name);
  if (!file) return {};
  json::Value value = json::parse_file(*file);
  if (!value.is_object())
    fail(codes::config_malformed,
         {.expected = "an object", .found = std::string(value.type_name()), .file = file->name()});
  if (file_name) *file_name = file->name();
  return value;
}

std::vector<std::string> list_templates(const Source& source) {
  std::vector<std::string> names;
  for (const std::string& name : source.list(template_folder))
    if (const std::string path = fmt::format("{}/{}", template_folder, name);
        is_template_file(path))
      names.push_back(path);
  return names;
}

// The files in the folders of the modules that modules.json lists: of the sentence-transformers
// library, which puts pooling and more behind a model.
void list_modules(const Source& source, std::vector<std::string>& names) {
  const auto file = source.find(modules_name);
  if (!file) return;
  const json::Value root = json::parse_file(*file);
  const json::Array* modules = root.as_array();
  if (!modules)
    fail(codes::config_malformed,
         {.expected = "an array", .found = std::string(root.type_name()), .file = file->name()});
  for (const json::Value& module : *modules) {
    const json::Value* path = module.find("path");
    if (!path || !path->as_string() || path->as_string()->empty()) continue;
    for (const std::string& name : source.list(*path->as_string()))
      if (name.ends_with(".json") || name.ends_with(".safetensors") || name.ends_with(".bin"))
        names.push_back(fmt::format("{}/{}", *path->as_string(), name));
  }
}

// The method by which the config says that weights are packed; empty when they are not.
std::string quantization_of(const json::Value& config) {
  const json::Value* method = config.find("quantization_config");
  if (method && method->is_null()) method = nullptr;
  const json::Value* name = method ? method->find("quant_method") : nullptr;
  if (name && name->as_string()) return *name->as_string();
  // MLX writes it twice, the second time under the usual key and without the name of a method.
  const json::Value* mlx = config.find("quantization");
  if (mlx && mlx->is_object()) return "MLX groups";
  return method ? "unnamed" : "";
}

}  // namespace

void read_configs(const Source& source, Checkpoint& checkpoint, std::string_view config_name) {
  checkpoint.config = read_object(source, config_name, &checkpoint.config_file);
  checkpoint.generation_config = read_object(source, "generation_config.json", nullptr);
  if (checkpoint.config.is_null()) return;
  if (const std::string method = quantization_of(checkpoint.config); !method.empty())
    fail(codes::quantization_method, {.where = key_where("quantization_config"),
                                      .expected = "weights that are not quantized",
                                      .found = fmt::format("method \"{}\"", printable(method)),
                                      .file = checkpoint.config_file});
  if (const json::Value* map = checkpoint.config.find("auto_map"); map && !map->is_null())
    add_warning(checkpoint.warnings,
                Error(codes::auto_map, {.where = key_where("auto_map"),
                                        .found = "classes in Python files of the model",
                                        .file = checkpoint.config_file}));
}

void find_side_files(const Source& source, Checkpoint& checkpoint) {
  const bool with_code = checkpoint.config.find("auto_map") != nullptr;
  std::vector<std::string> names;
  for (const std::string& name : source.list()) {
    if (is_side_file(name, with_code)) names.push_back(name);
    if (name != template_folder) continue;
    const auto templates = list_templates(source);
    names.insert(names.end(), templates.begin(), templates.end());
  }
  list_modules(source, names);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names)
    if (auto file = source.find(name)) checkpoint.side_files.push_back({name, std::move(file), {}});
}

}  // namespace recast

#include "formats/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "wire/json.h"

namespace recast {
namespace {

constexpr std::string_view side_file_names[] = {
    "README.md",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "merges.txt",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
    "vocab.json",
    "vocab.txt",
};
constexpr std::string_view side_file_starts[] = {"LICENSE", "LICENCE", "NOTICE", "USE_POLICY"};
constexpr std::string_view template_folder = "additional_chat_templates";

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

// Names in the folder of further templates. A source lists only its top, so the folder is looked at
// by path; its files are opened through the model's source, which refuses links outward.
std::vector<std::string> list_templates(const Source& source) {
  namespace fs = std::filesystem;
  const fs::path top =
      source.is_folder() ? fs::path(source.path()) : fs::path(source.path()).parent_path();
  std::vector<std::string> names;
  std::error_code unreadable;  // leaves the list empty
  for (const fs::directory_entry& entry : fs::directory_iterator(top / template_folder, unreadable))
    if (entry.path().extension() == ".jinja")
      names.push_back(fmt::format("{}/{}", template_folder, entry.path().filename().string()));
  return names;
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
  std::sort(names.begin(), names.end());
  for (const std::string& name : names)
    if (auto file = source.find(name)) checkpoint.side_files.push_back({name, std::move(file), {}});
}

}  // namespace recast

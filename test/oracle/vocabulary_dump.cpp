#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

#include "formats/gguf/header.h"
#include "formats/gguf/tokenizer_keys.h"
#include "io/source.h"
#include "tokenizer/read_vocabulary.h"
#include "tokenizer/rebuild.h"
#include "wire/json.h"

// vocabulary_dump FOLDER [--pre NAME] [--rebuild DIR]: prints the tokenizer of a model folder as
// the JSON object that test/oracle/tokenizer_keys.py compares with the keys of a reference GGUF.
// With
// --rebuild the tokenizer goes through the keys of GGUF and back into files in DIR instead; see
// test/oracle/tokenizer_rebuild.py.
namespace {

using namespace recast;

json::Value to_json(const Vocabulary& v) {
  json::Array tokens, scores, types, merges, templates, eos_ids;
  for (const Token& token : v.tokens) {
    tokens.emplace_back(token.text);
    scores.emplace_back(static_cast<double>(token.score));
    types.emplace_back(static_cast<int64_t>(token.type));
  }
  for (const std::string& merge : v.merges) merges.emplace_back(merge);
  for (const uint32_t id : v.eos_ids) eos_ids.emplace_back(static_cast<int64_t>(id));
  json::Object ids, flags, named;
  for (const auto& [role, id] : v.special_ids) ids.emplace_back(role, static_cast<int64_t>(id));
  for (const auto& [name, value] : v.flags) flags.emplace_back(name, value);
  for (const auto& [name, text] : v.named_templates) named.emplace_back(name, text);
  json::Object out{{"model", vocabulary_kind_name(v.kind)},
                   {"pre", v.pre},
                   {"tokens", std::move(tokens)},
                   {"token_type", std::move(types)},
                   {"merges", std::move(merges)},
                   {"ids", std::move(ids)},
                   {"flags", std::move(flags)},
                   {"eos_ids", std::move(eos_ids)},
                   {"charsmap_bytes", static_cast<int64_t>(v.precompiled_charsmap.size())},
                   {"named_templates", std::move(named)}};
  if (v.has_scores) out.emplace_back("scores", std::move(scores));
  if (v.token_type_count)
    out.emplace_back("token_type_count", static_cast<int64_t>(*v.token_type_count));
  if (v.chat_template) out.emplace_back("chat_template", *v.chat_template);
  return out;
}

struct Options {
  std::string source, pre, rebuild_folder;
};

// A tokenizer and the family that the files name.
struct Loaded {
  VocabularyResult result;
  std::string model_type;
};

std::optional<Loaded> load_folder(const Source& source, const std::string& pre) {
  TokenizerInput input{.find = [&](std::string_view name) { return source.find(name); }};
  json::Value config;
  if (const auto file = source.find("config.json")) config = json::parse_file(*file);
  input.config = &config;
  const json::Value* text = config.find("text_config");
  const json::Value* type = (text ? *text : config).find("model_type");
  if (type && type->as_string()) input.model_type = *type->as_string();
  input.pre_override = pre;
  for (const std::string& name : source.list(template_folder)) {
    std::string path = fmt::format("{}/{}", template_folder, name);
    if (is_template_file(path)) input.template_files.push_back(std::move(path));
  }
  auto result = read_vocabulary(input);
  if (!result) return std::nullopt;
  return Loaded{std::move(*result), input.model_type};
}

std::optional<Loaded> load_gguf(const Source& source) {
  Loaded out;
  const auto file = source.file();
  const gguf::Header header = gguf::read_header(file);
  auto vocabulary = read_tokenizer_keys(header.metadata, file->name(), &out.result.warnings);
  if (!vocabulary) return std::nullopt;
  out.result.vocabulary = std::move(*vocabulary);
  if (const MetaValue* name = header.metadata.find("general.architecture"))
    if (name->as_string()) out.model_type = *name->as_string();
  return out;
}

void rebuild(const Loaded& loaded, const std::string& folder) {
  Metadata metadata;
  write_tokenizer_keys(loaded.result.vocabulary, metadata);
  const auto read = read_tokenizer_keys(metadata, "keys");
  std::vector<Finding> warnings;
  for (const NewFile& file : rebuild_tokenizer_files(*read, loaded.model_type, {}, warnings)) {
    const auto path = std::filesystem::path(folder) / file.name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << file.bytes;
  }
  for (const Finding& warning : warnings) fmt::print(stderr, "{}\n", warning.what());
}

int dump(const Options& options) {
  const auto source = open_source(options.source);
  const auto loaded = source->is_folder() ? load_folder(*source, options.pre) : load_gguf(*source);
  if (!loaded) {
    std::puts("null");
    return 0;
  }
  if (!options.rebuild_folder.empty()) {
    rebuild(*loaded, options.rebuild_folder);
    return 0;
  }
  json::Value out = to_json(loaded->result.vocabulary);
  json::Array warnings;
  for (const Finding& warning : loaded->result.warnings)
    warnings.emplace_back(std::string(warning.what()));
  out.set("warnings", std::move(warnings));
  std::puts(json::write(out).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--pre" && i + 1 < argc)
      options.pre = argv[++i];
    else if (arg == "--rebuild" && i + 1 < argc)
      options.rebuild_folder = argv[++i];
    else
      options.source = arg;
  }
  if (options.source.empty()) {
    std::fputs("usage: vocabulary_dump FOLDER|FILE.gguf [--pre NAME] [--rebuild DIR]\n", stderr);
    return 2;
  }
  try {
    return dump(options);
  } catch (const recast::Error& error) {
    fmt::print(stderr, "{}: {}; expected {}; {}\n", error.file, error.what(), error.expected,
               error.fix.empty() ? error.code->fix : error.fix);
    return recast::exit_code(error.code->kind);
  }
}

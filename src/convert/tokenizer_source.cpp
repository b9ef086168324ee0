#include "convert/tokenizer_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "tokenizer/rebuild.h"

namespace recast {

namespace {

constexpr std::string_view tokenizer_files[] = {
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "spiece.model",
    "sentencepiece.bpe.model", "tiktoken.model", "tekken.json", "chat_template.jinja",
    "chat_template.json"};

// Files of --tokenizer: of the folder, or the one file under its own name.
FindFile given_files(const Request& request) {
  const std::shared_ptr<const Source> given =
      open_source(request.options.tokenizer, request.read.mode);
  if (given->is_folder())
    return [given](std::string_view name) { return given->find(name); };
  return [given](std::string_view name) {
    return name == given->base_name() ? given->file() : nullptr;
  };
}

}  // namespace

bool is_tokenizer_file(std::string_view name) {
  return std::find(std::begin(tokenizer_files), std::end(tokenizer_files), name) !=
             std::end(tokenizer_files) ||
         name.ends_with(".tiktoken") || name.starts_with("additional_chat_templates/");
}

std::optional<VocabularyResult> read_tokenizer(const Request& request, const Checkpoint& source,
                                               const json::Value& config,
                                               const std::string& model_type, int64_t rows) {
  const ConvertOptions& options = request.options;
  if (options.no_tokenizer) return std::nullopt;
  FindFile find;
  if (!options.tokenizer.empty())
    find = given_files(request);
  else
    find = [&](std::string_view name) -> std::shared_ptr<const File> {
      if (const SideFile* side = source.find_side_file(name); side && side->file)
        return side->file;
      return request.source->find(name);
    };
  std::optional<VocabularyResult> result = read_vocabulary({.find = find,
                                                            .config = &config,
                                                            .model_type = model_type,
                                                            .embedding_rows = rows,
                                                            .pre_override = options.pre});
  if (!result && options.fake_weight && options.tokenizer.empty()) return std::nullopt;
  if (!result)
    fail(codes::no_tokenizer,
         {.expected = "tokenizer.json, tokenizer.model, vocab.json with merges.txt, or vocab.txt",
          .file = options.tokenizer.empty() ? options.source : options.tokenizer});
  if (!options.pre.empty() && result->vocabulary.kind != VocabularyKind::byte_bpe)
    result->warnings.push_back(
        Error(codes::option_no_effect,
              {.where = "--pre",
               .found = fmt::format("runtimes ignore the name for a tokenizer of kind {}",
                                    vocabulary_kind_name(result->vocabulary.kind))}));
  return result;
}

std::vector<SideFile> rebuild_tokenizer(const Request& request, const Checkpoint& source,
                                        const std::string& model_type,
                                        std::vector<Finding>& warnings) {
  std::vector<SideFile> out;
  if (!request.options.tokenizer.empty()) {
    replace_tokenizer_files(request, out);
    return out;
  }
  if (!source.vocabulary || source.vocabulary->kind == VocabularyKind::none) return out;
  for (NewFile& file : rebuild_tokenizer_files(*source.vocabulary, model_type, warnings))
    out.push_back({std::move(file.name), nullptr, std::move(file.bytes)});
  return out;
}

void replace_tokenizer_files(const Request& request, std::vector<SideFile>& files) {
  std::erase_if(files, [](const SideFile& f) { return is_tokenizer_file(f.name); });
  const FindFile find = given_files(request);
  const size_t before = files.size();
  for (const std::string_view name : tokenizer_files)
    if (std::shared_ptr<const File> file = find(name))
      files.push_back({std::string(name), std::move(file), ""});
  if (files.size() == before)
    fail(codes::no_tokenizer, {.expected = "tokenizer.json or tokenizer.model",
                               .file = request.options.tokenizer});
}

void drop_tokenizer_keys(Metadata& metadata) {
  const std::vector<Metadata::Entry> entries = metadata.entries();
  for (const auto& [key, value] : entries)
    if (key.starts_with("tokenizer.")) metadata.erase(key);
  metadata.set("tokenizer.ggml.model", MetaValue::string("none"));
}

}  // namespace recast

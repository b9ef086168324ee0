#include "convert/tokenizer_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "tokenizer/rebuild.h"

namespace recast {

namespace {

constexpr std::string_view tokenizer_files[] = {"tokenizer.json",
                                                "tokenizer.model",
                                                "tokenizer_config.json",
                                                "special_tokens_map.json",
                                                "added_tokens.json",
                                                "vocab.json",
                                                "merges.txt",
                                                "vocab.txt",
                                                "spiece.model",
                                                "sentencepiece.bpe.model",
                                                "tiktoken.model",
                                                "tekken.json",
                                                "chat_template.jinja",
                                                "chat_template.json"};

// Half of what our reader takes for a text. Only a merge list or scores that the keys cannot hold
// are that long.
constexpr uint64_t max_remainder_bytes = uint64_t{8} << 20;

struct Files {
  FindFile find;
  std::vector<std::string> templates;  // paths of is_template_file()
};

// Files of --tokenizer: of the folder, or the one file under its own name.
Files given_files(const Request& request) {
  const std::shared_ptr<const Source> given =
      open_source(request.options.tokenizer, request.read.mode);
  Files out;
  if (!given->is_folder()) {
    out.find = [given](std::string_view name) {
      return name == given->base_name() ? given->file() : nullptr;
    };
    return out;
  }
  out.find = [given](std::string_view name) { return given->find(name); };
  for (const std::string& name : given->list(template_folder)) {
    std::string path = fmt::format("{}/{}", template_folder, name);
    if (is_template_file(path)) out.templates.push_back(std::move(path));
  }
  return out;
}

Files source_files(const Request& request, const Checkpoint& source) {
  Files out;
  out.find = [&](std::string_view name) -> std::shared_ptr<const File> {
    if (const SideFile* side = source.find_side_file(name); side && side->file) return side->file;
    return request.source->find(name);
  };
  for (const SideFile& side : source.side_files)
    if (is_template_file(side.name)) out.templates.push_back(side.name);
  return out;
}

}  // namespace

bool is_tokenizer_file(std::string_view name) {
  return std::find(std::begin(tokenizer_files), std::end(tokenizer_files), name) !=
             std::end(tokenizer_files) ||
         name.ends_with(".tiktoken") || is_template_file(name);
}

std::optional<VocabularyResult> read_tokenizer(const Request& request, const Checkpoint& source,
                                               const json::Value& config,
                                               const std::string& model_type, int64_t rows) {
  const ConvertOptions& options = request.options;
  if (options.no_tokenizer) return std::nullopt;
  Files files = options.tokenizer.empty() ? source_files(request, source) : given_files(request);
  std::optional<VocabularyResult> result =
      read_vocabulary({.find = std::move(files.find),
                       .config = &config,
                       .model_type = model_type,
                       .embedding_rows = rows,
                       .pre_override = options.pre,
                       .template_files = std::move(files.templates)});
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

void carry_tokenizer(const VocabularyResult& tokenizer, Metadata& metadata,
                     std::vector<std::string>& dropped) {
  if (!tokenizer.remainder.is_object()) return;
  std::string text = json::write(tokenizer.remainder);
  if (text.size() > max_remainder_bytes)
    dropped.push_back(fmt::format("{}: {} bytes of tokenizer files", remainder_key, text.size()));
  else
    metadata.set(remainder_key, MetaValue::string(std::move(text)));
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
  const MetaValue* carried = source.metadata.find(remainder_key);
  json::Value remainder;
  if (carried && carried->as_string())
    remainder = json::parse(*carried->as_string(), {.file = std::string(remainder_key)});
  for (NewFile& file : rebuild_tokenizer_files(*source.vocabulary, model_type, remainder, warnings))
    out.push_back({std::move(file.name), nullptr, std::move(file.bytes)});
  return out;
}

void replace_tokenizer_files(const Request& request, std::vector<SideFile>& files) {
  std::erase_if(files, [](const SideFile& f) { return is_tokenizer_file(f.name); });
  const Files given = given_files(request);
  const size_t before = files.size();
  for (const std::string_view name : tokenizer_files)
    if (std::shared_ptr<const File> file = given.find(name))
      files.push_back({std::string(name), std::move(file), ""});
  for (const std::string& name : given.templates)
    if (std::shared_ptr<const File> file = given.find(name))
      files.push_back({name, std::move(file), ""});
  if (files.size() == before)
    fail(codes::no_tokenizer,
         {.expected = "tokenizer.json or tokenizer.model", .file = request.options.tokenizer});
}

void drop_tokenizer_keys(Metadata& metadata) {
  const std::vector<Metadata::Entry> entries = metadata.entries();
  for (const auto& [key, value] : entries)
    if (key.starts_with("tokenizer.") || key == remainder_key) metadata.erase(key);
  metadata.set("tokenizer.ggml.model", MetaValue::string("none"));
}

}  // namespace recast

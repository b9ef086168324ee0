#include "convert/card.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/parallel.h"
#include "convert/describe.h"
#include "convert/report.h"
#include "io/hash.h"
#include "io/output.h"
#include "wire/yaml.h"

namespace recast {

namespace {

constexpr std::string_view sums_name = "SHA256SUMS";

std::string hash_file(const File& file, const std::string& name, Progress& progress,
                      const std::stop_token& stop) {
  Sha256 sha;
  for (uint64_t at = 0; at < file.size(); at += copy_piece_bytes) {
    if (stop.stop_requested()) fail(codes::stopped, {.found = "files were being hashed"});
    const uint64_t n = std::min(copy_piece_bytes, file.size() - at);
    sha.update(file.window(at, n).bytes());
    progress.advance(Stage::validate, n, name);
  }
  file.check_unchanged();
  return sha.hex();
}

void hash_files(CardMaterial& material, Progress& progress, const std::stop_token& stop) {
  uint64_t total = 0;
  for (const auto& [name, file] : material.files) total += file->size();
  progress.begin(Stage::validate, total);
  material.sha256.resize(material.files.size());
  parallel_for(static_cast<int64_t>(material.files.size()), default_threads(), [&](int64_t i) {
    const auto& [name, file] = material.files[static_cast<size_t>(i)];
    material.sha256[static_cast<size_t>(i)] = hash_file(*file, name, progress, stop);
  });
  progress.end(Stage::validate);
}

std::string sums_text(const CardMaterial& material) {
  std::string text;
  for (size_t i = 0; i < material.files.size(); ++i)
    text += sha256_line(material.sha256[i], material.files[i].first);
  return text;
}

struct NamedText {
  std::string name, text;
};

OutputOptions options_of(const CardMaterial& material, const std::string& folder,
                         const std::vector<NamedText>& texts, bool force) {
  OutputOptions out{.folder = folder, .name = texts.front().name, .force = force};
  for (const NamedText& text : texts) out.files.push_back({text.name, text.text.size()});
  for (const auto& [name, file] : material.files) {
    out.inputs.push_back(file->fingerprint());
    out.input_names.push_back(file->name());
  }
  return out;
}

std::unique_ptr<Output> written(OutputOptions options, const std::vector<NamedText>& texts) {
  std::unique_ptr<Output> output = Output::open(std::move(options));
  for (size_t i = 0; i < texts.size(); ++i)
    output->write_at(i, 0, std::as_bytes(std::span(texts[i].text)));
  return output;
}

// The place of the card: a folder and a name there.
struct CardPlace {
  std::string folder, name;
  std::string path() const { return folder == "." ? name : fmt::format("{}/{}", folder, name); }
};

CardPlace card_place(const CardOptions& options, const CardMaterial& material) {
  std::string folder = material.folder;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (options.output.empty()) return {folder, "README.md"};
  const std::filesystem::path path(options.output);
  const std::string parent = path.parent_path().string();
  CardPlace place{parent.empty() ? "." : parent, path.filename().string()};
  // The same folder in other words: card and sums are then one output.
  std::error_code error;
  if (std::filesystem::equivalent(place.folder, folder, error) && !error) place.folder = folder;
  // A model is never overwritten by its card, not even when that is forced.
  if (place.name.empty() || place.name == sums_name || format_by_extension(place.name))
    fail(codes::bad_value, {.where = "--output",
                            .expected = "the name of a file for the card",
                            .found = printable(options.output)});
  return place;
}

void check_outputs(const CardOptions& options, const CardMaterial& material, const CardPlace& card,
                   const CardPlace& sums) {
  const NamedText card_text{card.name, ""}, sums_text{std::string(sums_name), ""};
  if (card.folder == sums.folder)
    return Output::check(
        options_of(material, card.folder, {card_text, sums_text}, options.force));
  Output::check(options_of(material, card.folder, {card_text}, options.force));
  Output::check(options_of(material, sums.folder, {sums_text}, options.force));
}

// In one folder both appear together; in two, the sums come last, for they are what is relied on.
void write_both(const CardOptions& options, const CardMaterial& material, const CardPlace& card,
                const CardPlace& sums, const std::string& card_text) {
  const NamedText first{card.name, card_text};
  const NamedText second{std::string(sums_name), sums_text(material)};
  if (card.folder == sums.folder) {
    const std::vector<NamedText> both{first, second};
    return written(options_of(material, card.folder, both, options.force), both)->commit();
  }
  const std::vector<NamedText> one{first}, other{second};
  const auto card_file = written(options_of(material, card.folder, one, options.force), one);
  const auto sums_file = written(options_of(material, sums.folder, other, options.force), other);
  card_file->commit();
  sums_file->commit();
}

json::Value files_document(const CardMaterial& material) {
  json::Array out;
  const std::vector<CardFile> rows = card_files(material);
  for (size_t i = 0; i < material.files.size(); ++i) {
    const auto& [name, file] = material.files[i];
    json::Value row = object(
        {{"name", name}, {"bytes", file->size()}, {"sha256", material.sha256[i]}});
    for (const CardFile& known : rows) {
      if (known.name != name) continue;
      row.set("type", known.type);
      row.set("bits_per_weight", known.bits_per_weight);
      if (known.mean_kl) row.set("mean_kl", *known.mean_kl);
      if (known.same_top_token) row.set("same_top_token", *known.same_top_token);
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

json::Value write_card(const CardOptions& options, Progress& progress, std::stop_token stop) {
  progress.begin(Stage::load, 0);
  CardMaterial material = gather_models(options);
  progress.end(Stage::load);
  const bool writes = options.output != "-";
  const CardPlace card = writes ? card_place(options, material) : CardPlace{};
  const CardPlace sums{writes ? card_place({}, material).folder : "", std::string(sums_name)};
  if (writes) check_outputs(options, material, card, sums);
  const json::Object front = card_front_matter(material);
  for (const Finding& warning : material.warnings) progress.warn(warning);
  hash_files(material, progress, stop);
  const std::string head = front.empty() ? "" : fmt::format("---\n{}---\n\n", yaml::write(front));
  const std::string text = head + card_body(material);
  if (writes) write_both(options, material, card, sums, text);

  json::Array warnings;
  for (const Finding& warning : material.warnings) warnings.push_back(error_document(warning));
  const json::Value members(front);
  const json::Value* license = members.find("license");
  return object({{"card", writes ? card.path() : ""},
                 {"sums", writes ? sums.path() : ""},
                 {"license", license ? *license : json::Value(nullptr)},
                 {"files", files_document(material)},
                 {"text", text},
                 {"warnings", std::move(warnings)}});
}

}  // namespace recast

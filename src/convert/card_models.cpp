#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "convert/card.h"
#include "quantize/file_types.h"
#include "wire/yaml.h"

namespace recast {

namespace {

namespace fs = std::filesystem;

std::string folder_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

std::string type_of(const Checkpoint& model) {
  if (const MetaValue* number = model.metadata.find("general.file_type"))
    if (const auto n = number->as_int(); n && *n >= 0 && *n <= UINT32_MAX)
      if (const FileType* type = file_type_by_number(static_cast<uint32_t>(*n)))
        return upper(std::string(type->name));
  std::map<std::string_view, uint64_t> bytes;
  for (const Tensor& tensor : model.tensors) bytes[tensor.codec().name] += tensor.bytes();
  const auto most = std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) {
    return a.second < b.second;
  });
  return most == bytes.end() ? "" : upper(std::string(most->first));
}

// Whether the manifest lists a file of this name and size.
bool is_manifest_of(const json::Value& manifest, const Checkpoint& model) {
  const json::Value* target = manifest.find("target");
  const json::Value* files = target ? target->find("files") : nullptr;
  if (!files || !files->as_array()) return false;
  for (const json::Value& row : *files->as_array()) {
    const json::Value *name = row.find("name"), *bytes = row.find("bytes");
    if (!name || !name->as_string() || !bytes) continue;
    for (const auto& [own, file] : model.files)
      if (own == *name->as_string() && bytes->as_uint() == file->size()) return true;
  }
  return false;
}

class Gatherer {
 public:
  explicit Gatherer(const CardOptions& options) : options_(options) {}

  CardMaterial run() {
    for (const std::string& path : options_.paths) {
      const auto source = open_source(path);
      set_folder(source->is_folder() ? path : folder_of(path));
      if (source->is_folder())
        add_folder(source);
      else
        add_model(source);
    }
    std::sort(out_.models.begin(), out_.models.end(),
              [](const CardModel& a, const CardModel& b) { return a.name < b.name; });
    const auto folder = open_source(out_.folder);
    out_.has_modelfile = folder->find("Modelfile") != nullptr;
    if (const auto readme = folder->find("README.md")) {
      yaml::FrontMatter matter = yaml::read_front_matter(*readme);
      if (matter.warning) add_warning(out_.warnings, std::move(*matter.warning));
      out_.old_card = std::move(matter.members);
    }
    collect_files();
    return std::move(out_);
  }

 private:
  void set_folder(const std::string& folder) {
    std::error_code ignored;
    const fs::path real = fs::weakly_canonical(folder, ignored);
    if (out_.folder.empty()) {
      out_.folder = folder;
      real_ = real;
    } else if (real != real_) {
      fail(codes::card_places, {.expected = printable(out_.folder), .found = printable(folder)});
    }
  }

  // A folder is a model, holds models, or both.
  void add_folder(const std::shared_ptr<const Source>& folder) {
    const bool is_model = add_folder_model(folder);
    for (const std::string& name : folder->list()) {
      const Format* format = format_by_extension(name);
      if (!format || claimed_.contains(name) || (is_model && !format->holds_config)) continue;
      std::error_code error;
      if (!fs::is_regular_file(fs::path(folder->path()) / name, error)) continue;
      add_model(open_source((fs::path(folder->path()) / name).string()));
    }
    if (out_.models.empty()) fail(codes::unknown_folder, {.file = folder->path()});
  }

  bool add_folder_model(const std::shared_ptr<const Source>& folder) {
    try {
      detect(*folder, options_.from);
    } catch (const Error& error) {
      if (error.code != &codes::unknown_folder) throw;
      return false;
    }
    add_model(folder);
    return true;
  }

  void add_model(const std::shared_ptr<const Source>& source) {
    if (!source->is_folder() && claimed_.contains(source->base_name())) return;
    const Detection detection = detect(*source, options_.from);
    CardModel model{.name = source->base_name(),
                    .format = detection.format,
                    .model = detection.format->read(source, {})};
    for (const Finding& warning : detection.warnings) add_warning(out_.warnings, warning);
    for (const Finding& warning : model.model.warnings) add_warning(out_.warnings, warning);
    for (const auto& [name, file] : model.model.files) claimed_.insert(name);
    model.type = type_of(model.model);
    model.is_packed = std::any_of(
        model.model.tensors.begin(), model.model.tensors.end(),
        [](const Tensor& tensor) { return tensor.codec().kind == CodecKind::block; });
    model.manifest = manifest_of(*source, model.model);
    out_.models.push_back(std::move(model));
  }

  // A manifest is quoted, not relied on: what is wrong with it costs the card its quotes only.
  json::Value manifest_of(const Source& source, const Checkpoint& model) {
    std::vector<std::string> names{"recast.json"};
    if (!source.is_folder()) {
      names.clear();
      for (const auto& [name, file] : model.files) names.push_back(name + ".recast.json");
    }
    for (const std::string& name : names) {
      // By its path: a name on the user's own disk may be one that no file is allowed to name.
      const std::string path = (fs::path(out_.folder) / name).string();
      std::error_code error;
      if (!fs::exists(path, error)) continue;
      if (json::Value manifest = read_manifest(path); !manifest.is_null()) {
        if (is_manifest_of(manifest, model)) return manifest;
        ignore_manifest({.expected = "a file of this name and size", .file = path});
      }
    }
    return nullptr;
  }

  json::Value read_manifest(const std::string& path) {
    try {
      return json::parse_file(*open_file(path), {.file = path});
    } catch (const Error& error) {
      ignore_manifest({.found = std::string(error.what()), .file = path});
      return nullptr;
    }
  }

  void ignore_manifest(ErrorFacts facts) {
    add_warning(out_.warnings, Finding(codes::card_manifest_ignored, std::move(facts)));
  }

  // What is published: all but the two files that the card itself is.
  void collect_files() {
    std::map<std::string, std::shared_ptr<const File>> files;
    for (const CardModel& model : out_.models) {
      for (const auto& [name, file] : model.model.files) files.emplace(name, file);
      for (const SideFile& side : model.model.side_files)
        if (side.file) files.emplace(side.name, side.file);
    }
    files.erase("README.md");
    files.erase("SHA256SUMS");
    out_.files.assign(files.begin(), files.end());
  }

  const CardOptions& options_;
  CardMaterial out_;
  fs::path real_;
  std::set<std::string> claimed_;
};

// A measured figure of the manifest's member "quality".
std::optional<double> measured(const json::Value& manifest, std::string_view name) {
  const json::Value* quality = manifest.find("quality");
  const json::Value* value = quality ? quality->find(name) : nullptr;
  return value && value->is_number() ? value->as_double() : std::nullopt;
}

}  // namespace

CardMaterial gather_models(const CardOptions& options) {
  if (options.paths.empty()) fail(codes::missing_argument, {.expected = "PATH"});
  return Gatherer(options).run();
}

std::vector<CardFile> card_files(const CardMaterial& material) {
  std::vector<CardFile> out;
  for (const CardModel& model : material.models) {
    struct Sum {
      uint64_t elements = 0, bytes = 0;
    };
    std::map<const File*, Sum> sums;
    const Checkpoint& checkpoint = model.model;
    for (const Tensor& tensor : checkpoint.tensors) {
      const auto extent = tensor.value->extent();
      // Values that stand in no one place are counted with the first file.
      const File* file = extent ? extent->file.get()
                         : checkpoint.files.empty() ? nullptr
                                                    : checkpoint.files.front().second.get();
      sums[file].elements += static_cast<uint64_t>(tensor.elements());
      sums[file].bytes += tensor.bytes();
    }
    for (const auto& [name, file] : checkpoint.files) {
      const auto sum = sums.find(file.get());
      if (sum == sums.end() && checkpoint.files.size() > 1) continue;
      CardFile row{.name = name, .type = model.type, .bytes = file->size()};
      if (sum != sums.end() && sum->second.elements > 0)
        row.bits_per_weight = 8.0 * static_cast<double>(sum->second.bytes) /
                              static_cast<double>(sum->second.elements);
      row.mean_kl = measured(model.manifest, "mean_kl");
      row.same_top_token = measured(model.manifest, "same_top_token");
      out.push_back(std::move(row));
    }
  }
  return out;
}

}  // namespace recast

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "arch/canonical.h"
#include "arch/facts.h"
#include "arch/recognise.h"
#include "convert/carry.h"
#include "convert/describe.h"
#include "convert/report.h"
#include "formats/detect.h"
#include "formats/tensor_sums.h"
#include "io/hash.h"
#include "recast/inspect.h"
#include "tokenizer/check_tokenizer.h"
#include "tokenizer/read_vocabulary.h"

namespace recast {

namespace {

constexpr size_t shown_tensors = 10;
constexpr uint64_t slab = uint64_t{1} << 20;

// A failure that says nothing about the content is no finding: the file could not be looked at.
bool is_no_answer(const Error& error) {
  const ErrorKind kind = error.code->kind;
  return kind == ErrorKind::not_found || kind == ErrorKind::unreadable ||
         kind == ErrorKind::invalid_argument || kind == ErrorKind::conflict ||
         kind == ErrorKind::internal;
}

class Validator {
 public:
  explicit Validator(const ValidateOptions& options) : options_(options) {
    out_.facts = json::Object{};
    out_.facts.set("path", options.path);
    out_.facts.set("format", "");
  }

  Validation run() {
    try {
      look();
    } catch (const Error& error) {
      if (is_no_answer(error)) throw;
      add(error);
    }
    std::stable_sort(out_.findings.begin(), out_.findings.end(), [](const Finding& a, const Finding& b) {
      return (a.code->kind != ErrorKind::warning) > (b.code->kind != ErrorKind::warning);
    });
    out_.valid = std::all_of(out_.findings.begin(), out_.findings.end(), [](const Finding& f) {
      return f.code->kind == ErrorKind::warning;
    });
    json::Array findings;
    for (const Finding& finding : out_.findings) findings.push_back(error_document(finding));
    out_.facts.set("valid", out_.valid);
    out_.facts.set("findings", std::move(findings));
    return std::move(out_);
  }

 private:
  void add(const Error& error) {
    out_.findings.push_back(error);
    out_.findings.back().more.clear();
    for (const Error& more : error.more) out_.findings.push_back(more);
  }

  void look() {
    source_ = open_source(options_.path, ReadMode::mapped);
    if (!source_->is_folder() && options_.from.empty() && probe_tokenizer(*source_->file())) {
      out_.facts.set("format", "tokenizer");
      for (const Finding& finding : check_tokenizer(*source_->file())) add(finding);
      return;
    }
    const Detection detection = detect(*source_, options_.from);
    for (const Finding& warning : detection.warnings) add(warning);
    out_.facts.set("format", detection.format->name);
    model_ = detection.format->read(source_, {});
    for (const Finding& warning : model_.warnings) add(warning);
    describe();
    check_architecture();
    check_values();
    if (options_.checksum || !options_.manifest.empty()) check_sums();
  }

  void describe() {
    json::Value header{json::Object{}};
    uint64_t bytes = 0;
    for (const Tensor& tensor : model_.tensors) bytes += tensor.bytes();
    header.set("tensors", static_cast<int64_t>(model_.tensors.size()));
    header.set("metadata_keys", static_cast<int64_t>(model_.metadata.entries().size()));
    header.set("data_bytes", bytes);
    json::Value metadata{json::Object{}};
    for (const auto& [key, value] : model_.metadata.entries())
      metadata.as_object()->emplace_back(key, metadata_document(value, false));
    json::Array tensors;
    for (const Tensor& tensor : model_.tensors) {
      if (!options_.all && tensors.size() == shown_tensors) break;
      tensors.push_back(tensor_document(tensor));
    }
    out_.facts.set("header", std::move(header));
    out_.facts.set("metadata", std::move(metadata));
    out_.facts.set("tensors", std::move(tensors));
  }

  // Config, tensors and tokenizer against each other, where the family is known.
  void check_architecture() {
    std::vector<Finding> warnings;
    const Recognition known = recognise(model_, "");
    if (!known.arch) return;
    // A GGUF may be a vocabulary alone: there is nothing that the config could contradict.
    if (model_.convention == Convention::gguf && model_.tensors.empty()) return;
    try {
      const bool hf = model_.convention == Convention::hf;
      if (hf && !model_.config.is_object()) return;
      if (hf)
        require_one_family(model_.config, model_.config_file, warnings);
      else
        believed_config(model_, *known.arch, warnings);
      const ModelFacts facts =
          hf ? facts_from_config(*known.arch, model_.config, model_.config_file, warnings)
             : facts_from_gguf(*known.arch, model_, nullptr, warnings);
      const Canonical canonical = to_canonical(model_, facts, warnings);
      if (!canonical.unknown.empty())
        warnings.push_back(Error(codes::unknown_tensor,
                                 {.where = tensor_where(canonical.unknown.front()),
                                  .found = fmt::format("{} tensors", canonical.unknown.size()),
                                  .file = options_.path}));
      if (hf && source_->is_folder()) {
        const auto tokenizer = read_vocabulary(
            {.find = [&](std::string_view name) { return source_->find(name); },
             .config = &model_.config,
             .model_type = std::string(known.arch->name),
             .embedding_rows = facts.facts.integer(Fact::vocab)});
        if (tokenizer) warnings.insert(warnings.end(), tokenizer->warnings.begin(),
                                       tokenizer->warnings.end());
      }
    } catch (const Error& error) {
      if (is_no_answer(error)) throw;
      add(error);
    }
    for (const Finding& warning : warnings) add(warning);
  }

  // NaN and infinity in the weights: readable, but worth a word.
  void check_values() {
    for (const Tensor& tensor : model_.tensors) {
      const Codec& codec = tensor.codec();
      if (!codec.census) continue;
      FloatCensus census;
      const auto step = static_cast<int64_t>(slab / codec.block_bytes) * codec.block_elements;
      for (int64_t at = 0; at < tensor.elements(); at += step) {
        const int64_t n = std::min(step, tensor.elements() - at);
        FloatCensus none;
        codec.census(tensor.value->fetch(at, at + n, none).bytes().data(), n, at, census);
      }
      if (census.nan + census.infinite > 0)
        add(Error(codes::nonfinite_values,
                  {.where = tensor_where(tensor.name),
                   .found = fmt::format("{} NaN, {} infinite", census.nan, census.infinite),
                   .file = options_.path}));
    }
  }

  void compare(const std::string& name, const std::string& expected, const std::string& found) {
    if (expected != found)
      add(Error(codes::checksum_differs, {.where = name, .expected = expected, .found = found,
                                          .file = options_.path}));
  }

  // Sums inside the file, and those of the manifest beside it.
  void check_sums() {
    bool any = false;
    if (const MetaValue* value = model_.metadata.find(tensor_sums_key); value && value->as_strings()) {
      const std::vector<std::string>& sums = *value->as_strings();
      any = true;
      for (size_t i = 0; i < sums.size() && i < model_.tensors.size(); ++i)
        compare(tensor_where(model_.tensors[i].name), sums[i], tensor_xxh3(model_.tensors[i]).hex());
    }
    if (const auto manifest = find_manifest()) {
      any = true;
      check_manifest(*manifest);
    }
    if (!any)
      add(Error(codes::no_checksums, {.expected = "recast.tensor_sums inside, or a manifest beside",
                                      .file = options_.path}));
  }

  std::shared_ptr<const File> find_manifest() const {
    if (!options_.manifest.empty()) return open_file(options_.manifest);
    if (source_->is_folder()) return source_->find("recast.json");
    return source_->find(source_->base_name() + ".recast.json");
  }

  void check_manifest(const File& file) {
    const json::Value document = json::parse_file(file, {.file = file.name()});
    const json::Value* target = document.find("target");
    const json::Value* tensors = target ? target->find("tensors") : nullptr;
    if (!tensors || !tensors->as_array())
      fail(codes::manifest_malformed, {.where = key_where("target.tensors"), .file = file.name()});
    std::map<std::string, std::string> sums;
    for (const json::Value& row : *tensors->as_array()) {
      const json::Value *name = row.find("name"), *sum = row.find("xxh3_128");
      if (!name || !name->as_string() || !sum || !sum->as_string())
        fail(codes::manifest_malformed, {.where = key_where("target.tensors"), .file = file.name()});
      sums[*name->as_string()] = *sum->as_string();
    }
    for (const Tensor& tensor : model_.tensors) {
      const auto it = sums.find(tensor.name);
      compare(tensor_where(tensor.name), it == sums.end() ? "an entry of the manifest" : it->second,
              it == sums.end() ? "none" : tensor_xxh3(tensor).hex());
    }
    check_manifest_files(*target);
  }

  void check_manifest_files(const json::Value& target) {
    const json::Value* files = target.find("files");
    if (!files || !files->as_array()) return;
    for (const json::Value& row : *files->as_array()) {
      const json::Value *name = row.find("name"), *sum = row.find("sha256");
      if (!name || !name->as_string() || !sum || !sum->as_string()) continue;
      const std::shared_ptr<const File> file = source_->find(*name->as_string());
      const std::string found = file ? file_sha256(*file) : "no such file";
      compare(printable(*name->as_string()), *sum->as_string(), found);
    }
  }

  const ValidateOptions& options_;
  std::shared_ptr<const Source> source_;
  Checkpoint model_;
  Validation out_;
};

}  // namespace

Validation validate(const ValidateOptions& options) { return Validator(options).run(); }

}  // namespace recast

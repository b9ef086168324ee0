#include "recast/reproduce.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "convert/describe.h"
#include "convert/manifest.h"
#include "convert/options.h"
#include "convert/plan.h"
#include "convert/report.h"
#include "io/output_lock.h"
#include "io/publish.h"

namespace recast {

namespace {

namespace fs = std::filesystem;

// A manifest, with the members that are needed here.
struct Recorded {
  json::Value document;
  std::string version, source_path;
  const json::Value* options;
  const json::Value* source;
  const json::Value* target;
};

const json::Value& require(const json::Value& parent, std::string_view key, const std::string& file) {
  const json::Value* value = parent.find(key);
  if (!value) fail(codes::manifest_malformed, {.where = key_where(key), .file = file});
  return *value;
}

std::string require_text(const json::Value& parent, std::string_view key, const std::string& file) {
  const std::string* text = require(parent, key, file).as_string();
  if (!text) fail(codes::manifest_malformed, {.where = key_where(key), .file = file});
  return *text;
}

Recorded read_recorded(const std::string& path) {
  const auto file = open_file(path);
  Recorded out{.document = json::parse_file(*file, {.file = path})};
  out.version = require_text(out.document, "recast", path);
  out.source_path = require_text(out.document, "source_path", path);
  out.options = &require(out.document, "options", path);
  out.source = &require(out.document, "source", path);
  out.target = &require(out.document, "target", path);
  if (!out.options->is_object())
    fail(codes::manifest_malformed, {.where = key_where("options"), .file = path});
  for (const json::Value* part : {out.source, out.target})
    for (const char* list : {"files", "tensors"})
      if (!require(*part, list, path).as_array())
        fail(codes::manifest_malformed, {.where = key_where(list), .file = path});
  return out;
}

// The recorded options that act on bytes. Where the output goes and what a run costs is decided anew.
// The form of a folder matters only where the folder is what is recorded.
ConvertOptions options_of(const Recorded& recorded, const ReproduceOptions& wanted, bool is_folder) {
  ConvertOptions options;
  options.source = wanted.source.empty() ? recorded.source_path : wanted.source;
  for (const auto& [name, value] : *recorded.options->as_object()) {
    const OptionRow* row = find_option(name);
    const bool shapes_folder = row && (row->name == "layout" || row->name == "modelfile");
    const bool wanted_here = row && (row->acts_on_bytes || row->name == "checksum" ||
                                     (shapes_folder && is_folder));
    if (wanted_here) set_stored_option(options, *row, value);
  }
  if (options.to.empty()) options.to = require_text(*recorded.target, "format", wanted.manifest);
  options.source_name = require_text(*recorded.source, "name", wanted.manifest);
  options.threads = wanted.threads;
  options.memory = wanted.memory;
  return options;
}

// The main file of the result, or its folder: what the manifest lies beside, or in.
struct Names {
  std::string folder;  // where the manifest's artefact is
  std::string name;
  bool is_folder;
};

Names names_of(const std::string& manifest) {
  std::error_code none;
  fs::path path = fs::absolute(manifest, none).lexically_normal();
  if (none) path = fs::path(manifest).lexically_normal();
  constexpr std::string_view suffix = ".recast.json";
  const std::string file = path.filename().string();
  if (file.size() > suffix.size() && file.ends_with(suffix))
    return {path.parent_path().string(), file.substr(0, file.size() - suffix.size()), false};
  if (file != "recast.json")
    fail(codes::bad_value, {.where = "MANIFEST",
                            .expected = "a name as convert gave it: NAME.recast.json, or recast.json",
                            .found = printable(file)});
  return {path.parent_path().parent_path().string(), path.parent_path().filename().string(), true};
}

// A folder of this run alone beside the artefact, gone at the end. The lock keeps a second run away;
// what a dead one left is removed.
class WorkFolder {
 public:
  explicit WorkFolder(const Names& names) : name_("." + names.name + ".reproduce") {
    folder_ = Descriptor(open_at(AT_FDCWD, names.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder_) fail_write("open the folder", names.folder, errno);
    path_ = join_path(names.folder, name_);
    lock_ = OutputLock::take(folder_.get(), name_ + ".lock", path_);
    remove_tree(folder_.get(), name_);
    if (system_calls().mkdir(folder_.get(), name_.c_str(), 0700) != 0) {
      const int error = errno;
      lock_.release();
      fail_write("make the folder", path_, error);
    }
  }
  ~WorkFolder() {
    remove_tree(folder_.get(), name_);
    lock_.release();
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string name_, path_;
  Descriptor folder_;
  OutputLock lock_;
};

// Rows of the array `list` of two manifests, by name: calls differs(name, recorded, found).
template <class Differs>
void compare_rows(const json::Value& recorded, const json::Value& found, std::string_view list,
                  Differs differs) {
  const auto rows = [&](const json::Value& part) {
    std::map<std::string, const json::Value*> by_name;
    for (const json::Value& row : *part.find(list)->as_array())
      if (const json::Value* name = row.find("name"); name && name->as_string())
        by_name[*name->as_string()] = &row;
    return by_name;
  };
  const auto was = rows(recorded), is = rows(found);
  for (const auto& [name, row] : was) {
    const auto it = is.find(name);
    if (it == is.end()) {
      differs(name, "present", "absent");
    } else {
      for (const auto& [key, value] : *row->as_object()) {
        const json::Value* other = it->second->find(key);
        const std::string text = json::write(value), now = other ? json::write(*other) : "absent";
        if (text != now) differs(name, fmt::format("{} {}", key, text), now);
      }
    }
  }
  for (const auto& [name, row] : is)
    if (!was.contains(name)) differs(name, "absent", "present");
}

void refuse_other_input(const json::Value& recorded, const json::Value& found,
                        const std::string& source, std::initializer_list<std::string_view> lists) {
  for (const char* key : {"format", "fingerprint"}) {
    const json::Value *was = recorded.find(key), *is = found.find(key);
    if (was && is && json::write(*was) != json::write(*is))
      fail(codes::input_not_recorded,
           {.where = key, .expected = json::write(*was), .found = json::write(*is), .file = source});
  }
  for (const std::string_view list : lists)
    compare_rows(recorded, found, list,
                 [&](const std::string& name, const std::string& was, const std::string& is) {
                   fail(codes::input_not_recorded,
                        {.where = list == "tensors" ? tensor_where(name) : printable(name),
                         .expected = was,
                         .found = is,
                         .file = source});
                 });
}

std::vector<Finding> differences(const json::Value& recorded, const json::Value& found,
                                 const std::string& path) {
  std::vector<Finding> out;
  for (const char* list : {"files", "tensors"})
    compare_rows(recorded, found, list,
                 [&](const std::string& name, const std::string& was, const std::string& is) {
                   out.push_back(Error(
                       codes::not_reproduced,
                       {.where = std::string_view(list) == "tensors" ? tensor_where(name)
                                                                     : printable(name),
                        .expected = was,
                        .found = is,
                        .file = path}));
                 });
  return out;
}

}  // namespace

Reproduction reproduce(const ReproduceOptions& wanted, Progress& progress, std::stop_token stop) {
  const Recorded recorded = read_recorded(wanted.manifest);
  const Names names = names_of(wanted.manifest);
  ConvertOptions options = options_of(recorded, wanted, names.is_folder);
  Reproduction out;
  if (recorded.version != RECAST_VERSION) {
    out.findings.push_back(Error(codes::version_differs, {.expected = recorded.version,
                                                          .found = RECAST_VERSION,
                                                          .file = wanted.manifest}));
    progress.warn(out.findings.back());
  }
  std::optional<WorkFolder> work;
  if (wanted.output.empty()) work.emplace(names);
  options.output = join_path(work ? work->path() : wanted.output, names.name);
  options.mkdir = true;
  {
    // Sizes and headers first: a wrong input need not be read whole.
    const Plan plan = make_plan(options, progress);
    if (!options.fake_weight)
      refuse_other_input(*recorded.source, source_headers(plan), options.source, {"files"});
  }
  const Report report = convert(options, progress, stop);
  const std::string result = *report.find("outputs")->as_array()->front().find("path")->as_string();
  const Recorded found =
      read_recorded(names.is_folder ? join_path(result, "recast.json") : result + ".recast.json");
  refuse_other_input(*recorded.source, *found.source, options.source, {"files", "tensors"});
  std::vector<Finding> different = differences(*recorded.target, *found.target, wanted.manifest);
  out.identical = different.empty();
  out.findings.insert(out.findings.begin(), different.begin(), different.end());
  json::Array findings;
  for (const Finding& finding : out.findings) findings.push_back(error_document(finding));
  json::Value kept = nullptr;
  if (!work) kept = result;
  out.document = object({{"manifest", wanted.manifest},
                         {"source", options.source},
                         {"recorded_version", recorded.version},
                         {"version", RECAST_VERSION},
                         {"identical", out.identical},
                         {"output", std::move(kept)},
                         {"findings", std::move(findings)}});
  return out;
}

}  // namespace recast

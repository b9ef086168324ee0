#include "model/checkpoint.h"

#include <algorithm>

namespace recast {

std::string_view convention_name(Convention convention) {
  return convention == Convention::hf ? "hf" : "gguf";
}

const Tensor* Checkpoint::find(std::string_view tensor_name) const {
  const auto it = std::find_if(tensors.begin(), tensors.end(),
                               [&](const Tensor& t) { return t.name == tensor_name; });
  return it == tensors.end() ? nullptr : &*it;
}

const SideFile* Checkpoint::find_side_file(std::string_view file_name) const {
  const auto it = std::find_if(side_files.begin(), side_files.end(),
                               [&](const SideFile& f) { return f.name == file_name; });
  return it == side_files.end() ? nullptr : &*it;
}

std::string first_file(const Checkpoint& checkpoint) {
  if (checkpoint.files.empty()) return checkpoint.config_file;
  const auto& [name, file] = checkpoint.files.front();
  return file ? file->name() : name;
}

void add_warning(std::vector<Finding>& warnings, Finding finding) {
  for (const Finding& w : warnings)
    if (w.code == finding.code && w.file == finding.file && w.where == finding.where) return;
  warnings.push_back(std::move(finding));
}

}  // namespace recast

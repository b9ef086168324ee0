#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/file.h"
#include "model/metadata.h"
#include "tensor/tensor.h"
#include "tokenizer/vocabulary.h"
#include "wire/json.h"

namespace recast {

// How tensors and config keys are named. A format has one; architectures have a column for each.
enum class Convention { hf, gguf };
std::string_view convention_name(Convention convention);

// A file of the model that travels as it is: tokenizer, template, licence.
struct SideFile {
  std::string name;
  std::shared_ptr<const File> file;  // null: `bytes` is the content
  std::string bytes;
  uint64_t size() const { return file ? file->size() : bytes.size(); }
};

// A model as a weight format gives or takes it: native names, nothing read but headers. Holding it
// keeps the files open.
struct Checkpoint {
  Convention convention = Convention::hf;
  std::vector<Tensor> tensors;                     // native names, order of the file
  json::Value config;                              // HF keys; null when the format has none
  std::string config_file;                         // to blame for it
  json::Value generation_config;                   // null when there is none
  Metadata metadata;                               // free keys of the container
  std::optional<Vocabulary> vocabulary;            // when the container holds the tokenizer itself
  std::vector<SideFile> side_files;                // files beside the weights, by name
  std::string name;                                // to derive names from: folder or file stem
  std::vector<std::pair<std::string, std::shared_ptr<const File>>> files;  // all that belongs to it
  uint64_t trailing_bytes = 0;                     // of the files, that belong to no part of it
  std::vector<Finding> warnings;

  const Tensor* find(std::string_view tensor_name) const;
  const SideFile* find_side_file(std::string_view file_name) const;
};

// The path of the first file of a checkpoint, to blame where no other one is known; its config file
// when it has none.
std::string first_file(const Checkpoint& checkpoint);

// Positive share of a finding list that came twice is noise: appends unless the same code, file and
// place stand there already.
void add_warning(std::vector<Finding>& warnings, Finding finding);

}  // namespace recast

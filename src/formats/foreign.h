#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/source.h"

namespace recast {

// A model format that is known by sight and not read.
struct Foreign {
  std::string_view name;  // "PyTorch checkpoint"
  std::string evidence;
};

// By magic bytes of the file. Cheap: a few hundred bytes are read.
std::optional<Foreign> find_foreign_file(const File& file);
// By the names in the folder, the kinds whose config.json or weights would mislead other readers.
std::optional<Foreign> find_foreign_folder(const Source& source);
// By a name that a user may give (--from pytorch); empty when it names none.
std::string_view find_foreign_name(std::string_view name);
// By extension (".onnx"); empty when it is none of theirs.
std::string_view foreign_extension(std::string_view path);

}  // namespace recast

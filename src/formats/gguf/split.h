#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/gguf/header.h"
#include "io/source.h"

namespace recast::gguf {

struct Part {
  std::string name;  // of the file in its folder
  std::shared_ptr<const File> file;
  Header header;
};
// All parts of the set that the file of the source belongs to, first part first; one part when it
// is not split. Other parts are found beside it by name. Throws gguf_split_missing with the name of
// the first missing part, gguf_split when keys, names or tensors of the parts contradict each
// other, gguf_duplicate_tensor, and what read_header throws.
std::vector<Part> read_parts(const Source& source);

}  // namespace recast::gguf

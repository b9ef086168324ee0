#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/header.h"
#include "io/source.h"

namespace recast::gguf {

// PREFIX-00002-of-00003.gguf: part 2, counted from 1, of 3.
struct PartName {
  std::string prefix;
  uint32_t number, count;
};
std::optional<PartName> parse_part_name(std::string_view file_name);
std::string part_file_name(std::string_view prefix, uint32_t number, uint32_t count);

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

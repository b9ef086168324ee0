#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recast {

// PREFIX-00002-of-00003.EXTENSION: file 2, counted from 1, of a set of 3.
struct PartName {
  std::string prefix;
  uint32_t number, count;
};
// Empty when the name has another form. `extension` has its dot.
std::optional<PartName> parse_part_name(std::string_view file_name, std::string_view extension);
std::string part_file_name(std::string_view prefix, uint32_t number, uint32_t count,
                           std::string_view extension);

// The name without the extension and without the number of a part: "tiny" of tiny.gguf and of
// tiny-00001-of-00003.gguf.
std::string stem_of(std::string_view file_name, std::string_view extension);

}  // namespace recast

#pragma once

#include <memory>
#include <string>

#include "io/source.h"
#include "parsers.h"

namespace recast::fuzz {

// Several files in one input, so that a fuzzer can change a folder:
//   "RECASTPACK\n"  files x { u8 length, name, u32 length, content }      little-endian
inline constexpr std::string_view pack_magic = "RECASTPACK\n";

struct PackedFile {
  std::string name, content;
};
// Never fails: what is cut off is shorter. Requires: the input begins with pack_magic.
std::vector<PackedFile> unpack(Bytes input);
std::string pack(std::span<const PackedFile> files);
bool is_packed(Bytes input);

// The folder of a packed input, else the one file `name`, in memory.
std::shared_ptr<const Source> unpack_source(Bytes input, std::string name);
// A folder, or the first of the files with its siblings.
std::shared_ptr<const Source> memory_source(std::vector<PackedFile> files, bool is_folder);

}  // namespace recast::fuzz

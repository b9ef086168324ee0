#pragma once

#include <memory>

#include "io/file.h"

namespace recast {

// Bytes [offset, offset + bytes) of a file as a File of its own: a file within a file. Its offsets
// count from there, its name stays. Requires: the range lies inside the file.
std::shared_ptr<const File> file_range(std::shared_ptr<const File> file, uint64_t offset,
                                       uint64_t bytes);

}  // namespace recast

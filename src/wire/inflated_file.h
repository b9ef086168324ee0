#pragma once

#include <memory>
#include <string>

#include "io/file.h"

namespace recast {

// The content of a deflated extent as a File. Reads in ascending order cost one pass; a read before
// the place of every open stream starts again. Holds some KB a stream, never the content. Throws
// zip_member when the data is damaged or has another length than `bytes`.
std::shared_ptr<const File> inflated_file(std::shared_ptr<const File> file, std::string name,
                                          uint64_t offset, uint64_t stored_bytes, uint64_t bytes);

}  // namespace recast

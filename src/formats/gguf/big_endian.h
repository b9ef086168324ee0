#pragma once

#include <memory>

#include "formats/gguf/types.h"
#include "tensor/tensor.h"

namespace recast::gguf {

// Values of a big-endian file, given out in the little-endian form that codecs expect; bytes are
// swapped as they are read. Types of single bytes need no swap and keep their extent. Requires:
// type.codec, type.swappable, the extent lies inside the file.
ValuePtr big_endian_stored(std::shared_ptr<const File> file, uint64_t offset, Shape shape,
                           const Type& type);

}  // namespace recast::gguf

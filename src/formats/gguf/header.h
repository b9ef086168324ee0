#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/gguf/types.h"
#include "io/file.h"
#include "model/metadata.h"
#include "tensor/shape.h"

namespace recast::gguf {

inline constexpr uint32_t default_alignment = 32;
inline constexpr uint32_t max_alignment = 1 << 20;
inline constexpr uint32_t max_rank = 4;

// One row of the tensor table. The shape is row-major (outermost first), the reverse of its order
// in the file.
struct TensorEntry {
  std::string name;
  Shape shape;
  const Type* type;
  uint64_t offset;  // absolute
  uint64_t bytes;
};

struct Header {
  uint32_t version;
  bool big_endian;
  uint32_t alignment;
  Metadata metadata;  // every key, in file order
  std::vector<TensorEntry> tensors;
  uint64_t trailing_bytes;        // after the tensor data
  std::vector<Finding> warnings;  // gguf_trailing
};

// Reads header, metadata and tensor table of one GGUF file, versions 2 and 3, both byte orders, and
// proves that every tensor lies inside the file where the one before it ends. Linear; no weights
// are read. Throws the gguf_* errors and `truncated`, each naming the key or the tensor.
Header read_header(const std::shared_ptr<const File>& file);

// "version 3" or "version 3, big-endian" when the file begins like a GGUF; else empty. A reversed
// magic number counts, so that reading can say what is wrong with it.
std::string describe_start(const File& file);

}  // namespace recast::gguf

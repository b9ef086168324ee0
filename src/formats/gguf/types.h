#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/codec.h"

namespace recast::gguf {

// A tensor type of GGUF. Every type of the format can be read, copied and split; those that are
// made at run time only stand for themselves as opaque blocks.
struct Type {
  uint32_t id;
  std::string_view name;  // "Q4_K"
  const Codec* codec;     // null: removed from the format
  // Byte offsets of the 16-bit fields of a block, all that a change of byte order touches; -1 where
  // there is no (second) one. Plain types swap each value instead.
  int half_fields[2] = {-1, -1};
  bool swappable = true;  // false: wider or packed fields, not read from big-endian files
  bool stored = true;     // false: made at run time only, never written to a file
};

// The row with this number; null when GGUF never had one.
const Type* find_type(uint32_t id);
// The row that stores this codec; null when GGUF cannot hold it.
const Type* type_of(const Codec& codec);

}  // namespace recast::gguf

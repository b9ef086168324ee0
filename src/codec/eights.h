#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hwy/base.h"

// What decoding of IQ1, IQ2, IQ3 and Q1_0 has in common: 8 values at a time,
// w = sign * scale * (level + shift). A type names
//
//   Block      its struct
//   elements   of a block
//   has_signs, shifted   whether its eights have signs, a shift
//   step       d of a block
//   levels     the levels of the entries of its grid, one a byte; null where there is none
//   eight      the values 8 h ... of a block
//
// scalar::decode_eights is the definition, the vectors of decode-inl.h give the same bits.
namespace recast::codec {

struct Eight {
  float scale;
  uint64_t levels;     // 8 signed bytes, the first lowest
  uint32_t signs = 0;  // bit i: value i is negated
  float shift = 0;
};

namespace scalar {

template <class T>
void decode_eights(const std::byte* source, float* destination, int64_t n) {
  const uint64_t* const levels = T::levels();
  for (; n > 0; n -= T::elements, source += sizeof(typename T::Block)) {
    typename T::Block block;
    std::memcpy(&block, source, sizeof block);
    const float d = T::step(block);
    for (int h = 0; h < T::elements / 8; ++h) {
      const Eight e = T::eight(block, d, h, levels);
      for (int i = 0; i < 8; ++i) {
        const float level = static_cast<float>(static_cast<int8_t>(e.levels >> (8 * i)));
        const float value = e.scale * (T::shifted ? level + e.shift : level);
        *destination++ = e.signs >> i & 1 ? -value : value;
      }
    }
  }
}

}  // namespace scalar
}  // namespace recast::codec

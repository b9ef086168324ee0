#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "tensor/codec.h"

// Counting NaN and infinities in stored bytes. A value is not finite when all bits of its exponent
// are set, and then a NaN when a bit of its mantissa is.
namespace recast::codec {

// Enters one value that is not finite.
inline void add_nonfinite(bool is_nan, int64_t index, FloatCensus& census) {
  ++(is_nan ? census.nan : census.infinite);
  if (census.first_nonfinite < 0) census.first_nonfinite = index;
}

// For IEEE-like types stored as Bits. The first loop has no branch, so compilers make vectors of
// it; only a chunk that holds something is looked at a second time.
template <class Bits, Bits exponent, Bits mantissa>
void count_nonfinite(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  constexpr int64_t chunk = 4096;
  const auto at = [source](int64_t i) {
    Bits bits;
    std::memcpy(&bits, source + i * static_cast<int64_t>(sizeof bits), sizeof bits);
    return bits;
  };
  for (int64_t begin = 0; begin < n; begin += chunk) {
    const int64_t end = std::min(begin + chunk, n);
    Bits found = 0;
    for (int64_t i = begin; i < end; ++i) found |= (at(i) & exponent) == exponent;
    if (!found) continue;
    for (int64_t i = begin; i < end; ++i)
      if ((at(i) & exponent) == exponent)
        add_nonfinite((at(i) & mantissa) != 0, first_index + i, census);
  }
}

// For blocks: looks at the f16 scales that lie at these offsets in each block. The index of a scale
// is that of the first element of its block.
inline void count_scales(const std::byte* source, int64_t blocks, uint64_t block_bytes,
                         int64_t block_elements, std::initializer_list<uint64_t> offsets,
                         int64_t first_index, FloatCensus& census) {
  for (int64_t b = 0; b < blocks; ++b)
    for (const uint64_t offset : offsets) {
      uint16_t scale;
      std::memcpy(&scale, source + static_cast<uint64_t>(b) * block_bytes + offset, sizeof scale);
      if ((scale & 0x7c00u) == 0x7c00u)
        add_nonfinite((scale & 0x3ffu) != 0, first_index + b * block_elements, census);
    }
}

}  // namespace recast::codec

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "hwy/base.h"

// What decoding of most blocks has in common: bytes of codes in runs of one scale,
// w = scale * level, or scale * level - min. A type names
//
//   Block           its struct
//   elements, run   of a block, of values with the same scale
//   affine          whether there are minima
//   table           levels by code of 4 bits, or nullptr; with one, also `nibbles`, the place of the
//                   codes in the block, and `half`: as many low nibbles come before high ones
//   read            finds scales and minima of a block and, without a table, unpacks its levels
//
// scalar::decode_runs is the definition, the vectors of decode-inl.h give the same bits.
namespace recast::codec {

template <int elements, int run>
struct Runs {
  alignas(64) int8_t levels[elements];
  float scales[elements / run], mins[elements / run];
};

template <class T>
inline constexpr bool has_table = !std::is_same_v<decltype(T::table), const std::nullptr_t>;

namespace scalar {

template <class T>
void look_up_levels(const std::byte* block, int8_t* levels) {
  for (int i = 0; i < T::elements; ++i) {
    const int byte = i / (2 * T::half) * T::half + i % T::half;
    const int pair = static_cast<int>(block[T::nibbles + byte]);
    levels[i] = T::table[i / T::half % 2 ? pair >> 4 : pair & 15];
  }
}

template <class T>
void decode_runs(const std::byte* source, float* destination, int64_t n) {
  Runs<T::elements, T::run> r;
  for (; n > 0; n -= T::elements, source += sizeof(typename T::Block)) {
    typename T::Block block;
    std::memcpy(&block, source, sizeof block);
    T::read(block, r);
    if constexpr (has_table<T>) look_up_levels<T>(source, r.levels);
    for (int k = 0; k < T::elements / T::run; ++k)
      for (int i = k * T::run; i < (k + 1) * T::run; ++i) {
        const float value = r.scales[k] * static_cast<float>(r.levels[i]);
        *destination++ = T::affine ? value - r.mins[k] : value;
      }
  }
}

}  // namespace scalar
}  // namespace recast::codec

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codec/search.h"

// What the 32-element blocks share with importance: the weights take the mean square of the whole
// row. Source: ggml of llama.cpp v0.5.0, quantize_row_q4_0_impl and its three neighbours.
namespace recast::codec::scalar {

inline constexpr AffineSearch weighted_search_32(int top) {
  return {32, top, -0.9f, 0.05f, 36, false};
}

// Least and largest of 32 values, the first of equal ones; NaN where the first value is one, others
// are passed over.
struct Extremes {
  float low, high;
};
inline Extremes extremes_32(const float* x) {
  float low[4], high[4];  // chains that do not wait for each other
  std::fill_n(low, 4, x[0]);
  std::fill_n(high, 4, x[0]);
  for (int i = 0; i < 32; i += 4)
    for (int k = 0; k < 4; ++k) {
      low[k] = x[i + k] < low[k] ? x[i + k] : low[k];
      high[k] = high[k] < x[i + k] ? x[i + k] : high[k];
    }
  Extremes found = {*std::min_element(low, low + 4), *std::max_element(high, high + 4)};
  const auto first_zero = [x] { return *std::find(x, x + 32, 0.0f); };  // of either sign
  if (found.low == 0) found.low = first_zero();
  if (found.high == 0) found.high = first_zero();
  return found;
}

// Codes min(top, trunc((x - low) * inverse + add)) of 32 values; all 0 where inverse is not finite.
inline void truncated_codes(const float* x, float low, float inverse, float add, int top,
                            uint8_t* codes) {
  if (!std::isfinite(inverse)) {
    std::memset(codes, 0, 32);
    return;
  }
  const float most = static_cast<float>(top);
  for (int i = 0; i < 32; ++i) {
    const float v = (x[i] - low) * inverse + add;
    codes[i] = static_cast<uint8_t>(static_cast<int>(most < v ? most : v));
  }
}

// Calls fit(32 values, their weights) for each block and stores the Block that it returns.
template <class Block, class Fit>
void encode_weighted_32(const float* source, const float* importance, std::byte* destination,
                        int64_t rows, int64_t row, const Fit& fit) {
  float w[32];
  for (int64_t r = 0; r < rows; ++r, source += row) {
    const float sigma2 = sum_of_squares(source, row) / static_cast<float>(row);
    for (int64_t i = 0; i < row; i += 32, destination += sizeof(Block)) {
      weigh(source + i, importance + i, sigma2, 32, w);
      const Block block = fit(source + i, w);
      std::memcpy(destination, &block, sizeof block);
    }
  }
}

}  // namespace recast::codec::scalar

namespace recast::codec {

// 16 bytes of the lower 4 bits of 32 codes: code j in the low nibble of byte j, code j + 16 in the
// high one.
inline void set_nibbles(const uint8_t* codes, uint8_t* qs) {
  for (int k = 0; k < 16; k += 8) {
    uint64_t low, high;
    std::memcpy(&low, codes + k, sizeof low);
    std::memcpy(&high, codes + 16 + k, sizeof high);
    low = (low & 0x0f0f0f0f0f0f0f0fu) | (high & 0x0f0f0f0f0f0f0f0fu) << 4;
    std::memcpy(qs + k, &low, sizeof low);
  }
}

// 4 bytes of the fifth bits of 32 codes, the first lowest.
inline void set_fifth_bits(const uint8_t* codes, uint8_t* qh) {
  uint32_t upper = 0;
  for (int k = 0; k < 4; ++k) {
    uint64_t eight;
    std::memcpy(&eight, codes + 8 * k, sizeof eight);
    // The product moves bit 0 of byte i to bit 56 + i.
    eight = (eight >> 4 & 0x0101010101010101u) * 0x0102040810204080u;
    upper |= static_cast<uint32_t>(eight >> 56) << (8 * k);
  }
  for (int k = 0; k < 4; ++k) qh[k] = static_cast<uint8_t>(upper >> (8 * k));
}

}  // namespace recast::codec

#pragma once

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

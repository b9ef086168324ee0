#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "codec/search.h"

// Ternary blocks of 256: w = d * (t - 1), t in 0 ... 2.
// Source: ggml of llama.cpp v0.5.0, quantize_row_tq1_0_ref and quantize_row_tq2_0_ref.
namespace recast::codec::scalar {

// Writes the 256 codes t; returns d, the largest magnitude.
inline float ternary_codes(const float* x, uint8_t* codes) {
  float d = 0;
  for (int i = 0; i < 256; ++i) d = std::max(d, std::fabs(x[i]));
  const float inverse = d != 0 ? 1 / d : 0.0f;
  for (int i = 0; i < 256; ++i)
    codes[i] = static_cast<uint8_t>(one_and_rounded(x[i] * inverse, 1));
  return d;
}

}  // namespace recast::codec::scalar

#pragma once

#include <cstdint>

// How Q4_K and Q5_K store 8 scales and 8 minima of 6 bits in 12 bytes:
//
//   byte j        j < 4: scale j, above it the upper 2 bits of scale j + 4
//   byte 4 + j    j < 4: minimum j, above it the upper 2 bits of minimum j + 4
//   byte 8 + j    j < 4: the lower 4 bits of scale j + 4, above them those of minimum j + 4
//
// Source: ggml of llama.cpp v0.5.0, quantize_row_q4_K, get_scale_min_k4.
namespace recast::codec {

inline void set_scales_6(const uint8_t* scales, const uint8_t* mins, uint8_t* bytes) {
  for (int j = 0; j < 4; ++j) {
    const int scale = scales[j + 4], min = mins[j + 4];
    bytes[j] = static_cast<uint8_t>(scales[j] | scale >> 4 << 6);
    bytes[j + 4] = static_cast<uint8_t>(mins[j] | min >> 4 << 6);
    bytes[j + 8] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
  }
}

inline int scale_6(const uint8_t* bytes, int j) {
  return j < 4 ? bytes[j] & 63 : (bytes[j + 4] & 15) | bytes[j - 4] >> 6 << 4;
}

inline int min_6(const uint8_t* bytes, int j) {
  return j < 4 ? bytes[j + 4] & 63 : bytes[j + 4] >> 4 | bytes[j] >> 6 << 4;
}

}  // namespace recast::codec

#pragma once

#include <cmath>
#include <cstdint>

// The 4-bit floats (E2M1) of MXFP4 and NVFP4, doubled so that they are integers; code 8 is a second
// zero that is never written.
// Source: OCP Microscaling Formats 1.0; ggml of llama.cpp v0.5.0, kvalues_mxfp4.
namespace recast::codec {

inline constexpr float fp4_doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

alignas(16) inline constexpr int8_t fp4_table[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                                     0, -1, -2, -3, -4, -6, -8, -12};

namespace scalar {

// The first code whose value times `scale` lies nearest to x.
inline int nearest_fp4(float x, float scale) {
  int best = 0;
  float least = std::fabs(fp4_doubled[0] * scale - x);
  for (int code = 1; code < 16; ++code) {
    const float distance = std::fabs(fp4_doubled[code] * scale - x);
    if (!(distance < least)) continue;
    least = distance;
    best = code;
  }
  return best;
}

}  // namespace scalar

// The code of a value of fp4_doubled.
inline int fp4_code(int level) {
  constexpr uint8_t codes[13] = {0, 1, 2, 3, 4, 0, 5, 0, 6, 0, 0, 0, 7};
  return level < 0 ? codes[-level] | 8 : codes[level];
}
}  // namespace recast::codec

#pragma once

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cstdint>
#include <numeric>

#include "codec/iq23.h"

// What IQ1_S and IQ1_M share. A level 0, 1, 2 stands for -1, 0, 1 plus a shift of 1/8 up or down:
// values P or Q. The search sorts the values of a sub-block and tries every way to cut them into
// three runs. Source: ggml of llama.cpp v0.5.0, quantize_row_iq1_s_impl, quantize_row_iq1_m_impl.
namespace recast::codec::iq {

inline constexpr float shift_up[4] = {-0.875f, 0.125f, 1.125f, 0};  // P
inline constexpr float shift_down[4] = {-1.125f, -0.125f, 0.875f, 0};  // Q
// The same four times.
alignas(64) inline constexpr float shift_up_repeated[16] = {
    -0.875f, 0.125f, 1.125f, 0, -0.875f, 0.125f, 1.125f, 0,
    -0.875f, 0.125f, 1.125f, 0, -0.875f, 0.125f, 1.125f, 0};
alignas(64) inline constexpr float shift_down_repeated[16] = {
    -1.125f, -0.125f, 0.875f, 0, -1.125f, -0.125f, 0.875f, 0,
    -1.125f, -0.125f, 0.875f, 0, -1.125f, -0.125f, 0.875f, 0};

// 1/8, or -1/8 where `down` is 1. No branch: it could not be foreseen.
inline float shift_of(uint32_t down) { return std::bit_cast<float>(0x3e000000u | down << 31); }

namespace scalar {

// Places of the n values in ascending order; equal ones keep their order.
inline void sort_values(const float* x, int n, int* order) {
  std::iota(order, order + n, 0);
  std::stable_sort(order, order + n, [x](int a, int b) { return x[a] < x[b]; });
}

// The best quotient so far: qx / q2 with the largest qx * qx / q2.
struct Best {
  float scale = 0, score = -FLT_MAX;
  bool found = false;
  bool take(float qx, float q2) {
    if (!(q2 > 0 && qx * qx > score * q2)) return false;
    scale = qx / q2;
    score = scale * qx;
    return found = true;
  }
};

// Brings the groups of 8 onto the grid; tables[g] are the values of group g. Fits the scale again
// where a group moved.
inline float settle_groups(const float* x, const float* w, int groups, const uint8_t* levels,
                           const float* const* tables, float scale, uint16_t* keys) {
  const Grid& grid = iq1s_grid();
  bool moved = false;
  for (int g = 0; g < groups; ++g) {
    uint32_t key = 0;
    for (int i = 0; i < 8; ++i) key |= static_cast<uint32_t>(levels[8 * g + i]) << (2 * i);
    if (grid.id(key) < 0) {
      key = nearest(grid, key, 8, 2, scale, x + 8 * g, w + 8 * g, tables[g]);
      moved = true;
    }
    keys[g] = static_cast<uint16_t>(key);
  }
  if (!moved) return scale;
  float qx = 0, q2 = 0;
  for (int i = 0; i < 8 * groups; ++i) {
    const float t = tables[i / 8][keys[i / 8] >> (2 * (i % 8)) & 3];
    qx += w[i] * t * x[i];
    q2 += w[i] * t * t;
  }
  return qx > 0 && q2 > 0 ? qx / q2 : scale;
}

}  // namespace scalar
}  // namespace recast::codec::iq

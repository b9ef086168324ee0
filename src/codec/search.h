#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

// The searches that several block types share: which scale, and which code of each value, loses
// least. They are definitions: one order of operations, every sum from the first value on, products
// from the left. Vector kernels (search-inl.h) run one of these in each lane.
// Source: ggml of llama.cpp v0.5.0, its make_*_quants functions, strict single precision.
namespace recast::codec::scalar {

// Nearest integer, halves to even, for |v| <= 4194303. Beyond it (infinities and NaN, too) the
// result is what these bits give, which is part of the definition.
inline int rounded(float v) {
  return static_cast<int>(std::bit_cast<uint32_t>(v + 12582912.0f) & 0x7fffffu) - 0x400000;
}

// 1 and v rounded to -1, 0 or 1, halves away from zero; `odd` where v is infinite or no number. Above
// 1 v exceeds by its rounding only.
inline int one_and_rounded(float v, int odd) {
  return std::fabs(v) < 1.5f ? 1 + (v >= 0.5f) - (v <= -0.5f) : odd;
}

inline int clamped(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

// The first value of largest magnitude; 0 when all are 0. NaN are passed over. n is a multiple of 8.
inline float first_largest(int n, const float* x) {
  float chains[8] = {};  // that do not wait for each other
  for (int i = 0; i < n; i += 8)
    for (int k = 0; k < 8; ++k)
      chains[k] = std::fabs(x[i + k]) > chains[k] ? std::fabs(x[i + k]) : chains[k];
  float most = 0;
  for (const float chain : chains) most = chain > most ? chain : most;
  for (int i = 0; most > 0 && i < n; ++i)
    if (std::fabs(x[i]) == most) return x[i];
  return 0;
}

// Sum of squares in order, from 0.
inline float sum_of_squares(const float* x, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

// Weight of each value: its column's importance times sqrt(sigma2 + x * x).
inline void weigh(const float* x, const float* importance, float sigma2, int n, float* w) {
  for (int i = 0; i < n; ++i) w[i] = importance[i] * std::sqrt(sigma2 + x[i] * x[i]);
}

// x = scale * code - min, code in 0 ... top, min >= 0.
struct Affine {
  float scale = 0, min = 0;
};
// `tries` + 1 scales near (top + first + step * i) / range; errors count |e| or e * e.
struct AffineSearch {
  int n, top;
  float first, step;
  int tries;
  bool absolute;
};
Affine fit_affine(const AffineSearch& search, const float* x, const float* w, uint8_t* codes);

// x = scale * (code - half), code in 0 ... 2 * half - 1; 19 scales are tried. Below 1e-15 all is 0.
float fit_signed(int n, int half, const float* x, const float* w, uint8_t* codes);

// The same for x weighted by its square: one scale, then up to 5 sweeps that change one code each.
float fit_signed_by_sweeps(int n, int half, const float* x, uint8_t* codes);

// x = scale * code, code in 0 ... top: 9 scales, then up to 5 sweeps. A negative code wraps to
// 8 bits.
float fit_positive(int n, int top, const float* x, const float* w, uint8_t* codes);

}  // namespace recast::codec::scalar

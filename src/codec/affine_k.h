#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codec/runs.h"
#include "codec/search.h"
#include "tensor/float16.h"

// The definition of the 256-element blocks whose sub-blocks have a scale and a minimum, themselves
// codes of a few bits: w = d * scale * code - dmin * min. A type names:
//
//   Block              its struct, with the f16 fields d and dmin
//   n, top             elements of a sub-block, largest code
//   scale_top          largest code of a scale or minimum
//   search, weighted   how each sub-block is searched without and with importance
//   mean_root          without importance a value weighs |x|, plus the root of the mean square
//   sigma_factor       of the mean square in the weights with importance
//   set_scales         stores the codes of scales and minima
//   scale, min         one of them, read back
//   set_codes, codes   stores and reads the codes of the 256 elements
//
// Source: ggml of llama.cpp v0.5.0, quantize_row_q2_K, _q4_K and _q5_K.
namespace recast::codec {

// How a type K of these is decoded.
template <class K>
struct AffineRuns {
  using Block = typename K::Block;
  static constexpr int elements = 256, run = K::n;
  static constexpr bool affine = true;
  static constexpr std::nullptr_t table = nullptr;
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    K::codes(block, out.levels);
    const float d = f32_from_f16(block.d), dmin = f32_from_f16(block.dmin);
    for (int j = 0; j < elements / run; ++j) {
      out.scales[j] = d * static_cast<float>(K::scale(block, j));
      out.mins[j] = dmin * static_cast<float>(K::min(block, j));
    }
  }
};

// The codes of `count` scales out of `top`, and the size of one step.
struct ScaleCodes {
  float step = 0;
  uint8_t codes[16] = {};
};

// Without importance: the largest gets the largest code.
inline ScaleCodes spread_scales(const float* scales, int count, int top) {
  ScaleCodes result;
  float largest = 0;
  for (int j = 0; j < count; ++j)
    if (scales[j] > largest) largest = scales[j];
  const float inverse = largest > 0 ? static_cast<float>(top) / largest : 0.0f;
  for (int j = 0; j < count; ++j)
    result.codes[j] = static_cast<uint8_t>(scalar::rounded(inverse * scales[j]));
  if (top == 63)  // the reference clamps these, and trusts the 4-bit ones
    for (uint8_t& code : result.codes) code = std::min<uint8_t>(63, code);
  result.step = largest / static_cast<float>(top);
  return result;
}

// With importance: `weights` is the sum over each sub-block.
inline ScaleCodes fit_scales(const float* scales, const float* weights, int count, int top) {
  ScaleCodes result;
  result.step = scalar::fit_positive(count, top, scales, weights, result.codes);
  return result;
}

namespace scalar {

template <class K>
void weigh_sub_block(const float* x, const float* importance, float sigma2, float* w) {
  if (importance) return weigh(x, importance, sigma2, K::n, w);
  float root = 0;
  if (K::mean_root) root = std::sqrt(sum_of_squares(x, K::n) / static_cast<float>(K::n));
  for (int i = 0; i < K::n; ++i) w[i] = K::mean_root ? root + std::fabs(x[i]) : std::fabs(x[i]);
}

// The final codes: the search's own where the stored scale is 0.
template <class K>
void round_to_scales(const float* x, const typename K::Block& block, uint8_t* codes) {
  const float d = f32_from_f16(block.d), dmin = f32_from_f16(block.dmin);
  for (int j = 0; j < 256 / K::n; ++j) {
    const float scale = d * static_cast<float>(K::scale(block, j));
    if (scale == 0) continue;
    const float min = dmin * static_cast<float>(K::min(block, j));
    for (int i = j * K::n; i < (j + 1) * K::n; ++i)
      codes[i] = static_cast<uint8_t>(clamped(rounded((x[i] + min) / scale), 0, K::top));
  }
}

template <class K>
void encode_affine_block(const float* x, const float* importance, std::byte* out) {
  constexpr int count = 256 / K::n;
  uint8_t codes[256];
  float w[K::n], scales[count], mins[count], sums[count];
  const float sigma2 = importance ? K::sigma_factor * sum_of_squares(x, 256) / 256 : 0;
  for (int j = 0; j < count; ++j) {
    const int at = j * K::n;
    weigh_sub_block<K>(x + at, importance ? importance + at : nullptr, sigma2, w);
    sums[j] = 0;
    for (const float weight : w) sums[j] += weight;
    const Affine fit = fit_affine(importance ? K::weighted : K::search, x + at, w, codes + at);
    scales[j] = fit.scale;
    mins[j] = fit.min;
  }
  const ScaleCodes s = importance ? fit_scales(scales, sums, count, K::scale_top)
                                  : spread_scales(scales, count, K::scale_top);
  const ScaleCodes m = importance ? fit_scales(mins, sums, count, K::scale_top)
                                  : spread_scales(mins, count, K::scale_top);
  typename K::Block block = {};
  block.d = f16_from_f32(s.step);
  block.dmin = f16_from_f32(m.step);
  K::set_scales(s.codes, m.codes, block);
  round_to_scales<K>(x, block, codes);
  K::set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

// importance: `row` values, or null.
template <class K>
void encode_affine(const float* x, const float* importance, std::byte* out, int64_t n,
                   int64_t row) {
  for (int64_t i = 0; i < n; i += 256, out += sizeof(typename K::Block))
    encode_affine_block<K>(x + i, importance ? importance + i % row : nullptr, out);
}

}  // namespace scalar
}  // namespace recast::codec

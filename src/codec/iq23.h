#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codec/best.h"
#include "codec/iq_grid.h"
#include "codec/search.h"
#include "tensor/float16.h"

// The definition of IQ2 and IQ3: blocks of 256, sub-blocks with one scale, groups of levels that a
// grid stores by id, signs apart. A type names:
//
//   Block                its struct
//   sub, group, bits     elements of a sub-block and of a group, bits of a level
//   top                  largest level
//   parity               7 signs of 8 are stored; the last makes the number of minus signs even
//   skip                 a sub-block whose largest value is below it is 0
//   tries, base, step    scales tried: (base + step * t) / largest, t = -tries ... tries
//   fit_first            the scale before the tries comes from fit_positive (IQ2_XXS)
//   redo                 which groups the second pass rounds again
//   factor, sigma_factor of the stored d; of the mean square in the weights
//   plain_sigma          weights without importance: plain_sigma * sigma2 + x * x
//   grid()               its grid
//   set                  stores ids, signs and codes of the scales
//
// Source: ggml of llama.cpp v0.5.0, quantize_row_iq2_xxs_impl and its neighbours.
namespace recast::codec::iq {

enum class Redo { always, off_grid, unless_all_on_grid };

// What the search leaves for the 256 values.
struct Levels {
  uint16_t keys[64] = {};  // one a group
  uint8_t signs[32] = {};  // bit i: weight i of the 8 is negative
  float scales[16] = {};
};

namespace scalar {

using codec::scalar::clamped;
using codec::scalar::rounded;

// The key among the neighbours whose levels, at scale * coordinate, lie nearest to y.
inline uint32_t nearest(const Grid& grid, uint32_t key, int group, int bits, float scale,
                        const float* y, const float* v, const float* coordinates) {
  float least = FLT_MAX;
  uint32_t best = 0;
  bool found = false;
  for (const uint16_t candidate : grid.neighbours(key)) {
    float sum = 0;
    for (int i = 0; i < group; ++i) {
      const float t = scale * coordinates[candidate >> (bits * i) & ((1 << bits) - 1)] - y[i];
      sum += v[i] * t * t;
    }
    if (!(sum < least)) continue;
    least = sum;
    best = candidate;
    found = true;
  }
  return found ? best : grid.neighbours(key)[0];
}

inline constexpr float odd[8] = {1, 3, 5, 7, 9, 11, 13, 15};

// Magnitudes y and signs of 8 values.
inline uint8_t split_signs(const float* x, const float* w, bool parity, float* y) {
  int signs = 0, negative = 0;
  for (int i = 0; i < 8; ++i) {
    y[i] = x[i] >= 0 ? x[i] : -x[i];
    if (x[i] >= 0) continue;
    signs |= 1 << i;
    ++negative;
  }
  if (!parity) return static_cast<uint8_t>(signs);
  if (negative % 2) {
    int least = 0;
    float least_square = w[0] * x[0] * x[0];
    for (int i = 1; i < 8; ++i) {
      const float square = w[i] * x[i] * x[i];
      if (!(square < least_square)) continue;
      least_square = square;
      least = i;
    }
    y[least] = -y[least];
    signs ^= 1 << least;
  }
  return static_cast<uint8_t>(signs & 127);
}

// A sub-block under search.
template <class T>
struct Search {
  static constexpr int groups = T::sub / T::group;
  const float* w;
  float y[T::sub], v[T::sub];

  // Rounds group g at the inverse scale `id`; `scale` is what the neighbours are tried with.
  uint16_t round_group(int g, float id, float scale, bool& on_grid) const {
    uint32_t key = 0;
    for (int i = 0; i < T::group; ++i) {
      const float value = y[g * T::group + i];
      const int level = clamped(rounded(0.5f * (id * value - 1)), 0, T::top);
      key |= static_cast<uint32_t>(level) << (T::bits * i);
    }
    on_grid = T::grid().id(key) >= 0;
    if (!on_grid)
      key = nearest(T::grid(), key, T::group, T::bits, scale, y + g * T::group, v + g * T::group,
                    odd);
    return static_cast<uint16_t>(key);
  }

  // Sums w * y * q and w * q * q.
  void sums(const uint16_t* keys, float& qx, float& q2) const {
    qx = q2 = 0;
    for (int i = 0; i < T::sub; ++i) {
      const int level = keys[i / T::group] >> (T::bits * (i % T::group)) & ((1 << T::bits) - 1);
      const float q = odd[level];
      qx += w[i] * y[i] * q;
      q2 += w[i] * q * q;
    }
  }

  // Tries all scales; leaves levels and whether each group was on the grid. Returns the scale.
  float try_scales(float scale, float largest, uint16_t* keys, bool* on_grid) const {
    float best = 0;
    for (int t = -T::tries; t <= T::tries; ++t) {
      const float id = (T::base + static_cast<float>(t) * T::step) / largest;
      const float tried_scale = 1 / id;
      uint16_t tried[groups];
      bool tried_on_grid[groups];
      for (int g = 0; g < groups; ++g)
        tried[g] = round_group(g, id, tried_scale, tried_on_grid[g]);
      float qx, q2;
      sums(tried, qx, q2);
      if (!(q2 > 0 && qx * qx > best * q2)) continue;
      scale = qx / q2;
      best = scale * qx;
      std::copy_n(tried, groups, keys);
      std::copy_n(tried_on_grid, groups, on_grid);
    }
    return scale;
  }

  // Rounds once more at the scale found, and fits it again.
  float second_pass(float scale, uint16_t* keys, const bool* on_grid) const {
    const bool all_on_grid = std::all_of(on_grid, on_grid + groups, [](bool on) { return on; });
    if (!(scale > 0) || (T::redo != Redo::always && all_on_grid)) return scale;
    const float id = 1 / scale;
    bool ignored;
    for (int g = 0; g < groups; ++g)
      if (T::redo != Redo::off_grid || !on_grid[g])
        keys[g] = round_group(g, id, scale, ignored);
    float qx, q2;
    sums(keys, qx, q2);
    return q2 > 0 ? qx / q2 : scale;
  }
};

// Levels and signs of one sub-block, its scale returned; 0 where it is skipped.
template <class T>
float fit_levels(const float* x, const float* w, uint16_t* keys, uint8_t* signs) {
  Search<T> search = {.w = w};
  uint8_t found_signs[T::sub / 8];
  for (int k = 0; k < T::sub / 8; ++k)
    found_signs[k] = split_signs(x + 8 * k, w + 8 * k, T::parity, search.y + 8 * k);
  float largest = search.y[0];
  for (int i = 0; i < T::sub; ++i) {
    search.v[i] = std::sqrt(w[i]);
    largest = std::max(largest, search.y[i]);
  }
  if (T::skip == 0 ? largest == 0 : largest < T::skip) return 0;
  float scale = largest / T::base;
  if (T::fit_first) {
    uint8_t codes[T::sub];
    scale = codec::scalar::fit_positive(T::sub, 4, search.y, w, codes);
    largest = scale * 3;
    if (largest <= 0) return 0;
  }
  bool on_grid[Search<T>::groups];
  std::fill_n(on_grid, Search<T>::groups, T::redo != Redo::unless_all_on_grid);
  scale = search.try_scales(scale, largest, keys, on_grid);
  scale = search.second_pass(scale, keys, on_grid);
  const bool flip = scale < 0;
  for (int k = 0; k < T::sub / 8; ++k)
    signs[k] = static_cast<uint8_t>(flip ? ~found_signs[k] & (T::parity ? 127 : 255)
                                         : found_signs[k]);
  return flip ? -scale : scale;
}

}  // namespace scalar

// Stores the levels: scales become codes of one step.
template <class T>
void store(const Levels& levels, std::byte* out) {
  constexpr int count = 256 / T::sub;
  typename T::Block block = {};
  uint8_t codes[16] = {};
  const float largest = *std::max_element(levels.scales, levels.scales + count);
  if (!(largest > 0)) {
    if (T::keeps_ids_of_zero) T::set(levels, codes, block);
    std::memcpy(out, &block, sizeof block);
    return;
  }
  const float d = largest / 31;
  const float inverse = 1 / d;
  block.d = f16_from_f32(d * T::factor);
  for (int j = 0; j < count; ++j)
    codes[j] = static_cast<uint8_t>(codec::scalar::clamped(
        codec::scalar::rounded(0.5f * (inverse * levels.scales[j] - 1)), 0, 15));
  T::set(levels, codes, block);
  std::memcpy(out, &block, sizeof block);
}

// Packs what the search of best.h leaves.
template <class T>
void pack(const FittedGrid& fitted, std::byte* out) {
  Levels levels;
  std::copy_n(fitted.keys, 64, levels.keys);
  for (int k = 0; k < 32; ++k)
    levels.signs[k] = static_cast<uint8_t>(fitted.signs[k] & (T::parity ? 127 : 255));
  typename T::Block block = {};
  block.d = fitted.d;
  T::set(levels, fitted.codes, block);
  std::memcpy(out, &block, sizeof block);
}

// Coordinates of the levels as they are decoded, the lowest at 1, repeated.
inline constexpr float iq2_coordinates[16] = {1, 3.125f, 5.375f, 0, 1, 3.125f, 5.375f, 0,
                                              1, 3.125f, 5.375f, 0, 1, 3.125f, 5.375f, 0};
inline constexpr float iq3xxs_coordinates[16] = {1, 3, 5, 7, 9, 11, 13, 15.5f,
                                                 1, 3, 5, 7, 9, 11, 13, 15.5f};
inline constexpr float iq3s_coordinates[16] = {1, 3, 5, 7, 9, 11, 13, 15,
                                               1, 3, 5, 7, 9, 11, 13, 15};

namespace scalar {

template <class T>
void encode_block(const float* x, const float* importance, std::byte* out) {
  Levels levels;
  float w[T::sub];
  const float sigma2 = T::sigma_factor * codec::scalar::sum_of_squares(x, 256) / 256;
  for (int j = 0; j < 256 / T::sub; ++j) {
    const int at = j * T::sub;
    if (importance) {
      codec::scalar::weigh(x + at, importance + at, sigma2, T::sub, w);
    } else {
      for (int i = 0; i < T::sub; ++i) {
        const float square = x[at + i] * x[at + i];
        w[i] = T::plain_sigma > 0 ? T::plain_sigma * sigma2 + square : square;
      }
    }
    levels.scales[j] =
        fit_levels<T>(x + at, w, levels.keys + at / T::group, levels.signs + at / 8);
  }
  store<T>(levels, out);
}

// importance: `row` values, or null.
template <class T>
void encode(const float* x, const float* importance, std::byte* out, int64_t n, int64_t row) {
  for (int64_t i = 0; i < n; i += 256, out += sizeof(typename T::Block))
    encode_block<T>(x + i, importance ? importance + i % row : nullptr, out);
}

}  // namespace scalar
}  // namespace recast::codec::iq

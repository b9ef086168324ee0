// Kernel of the types of affine_k.h: groups of up to 16 blocks; the search of 16 sub-blocks at a
// time, then the scales of all blocks, then the codes.
#if defined(RECAST_CODEC_AFFINE_K_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_AFFINE_K_INL_H
#undef RECAST_CODEC_AFFINE_K_INL_H
#else
#define RECAST_CODEC_AFFINE_K_INL_H
#endif

#include <cstring>

#include "codec/affine_k.h"
#include "codec/search-inl.h"

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

template <class K>
void encode_affine(const float* x, const float* importance, std::byte* out, int64_t n,
                   int64_t row) {
  scalar::encode_affine<K>(x, importance, out, n, row);
}

#else

// Of all sub-blocks of a group of 16 blocks, in order.
template <class K>
struct AffineGroup {
  static constexpr int count = 256 / K::n;  // sub-blocks of a block
  alignas(64) float scale[count * width], min[count * width];  // min >= 0
  alignas(64) float inverse[count * width], origin[count * width], sum_w[count * width];
};

// Weights of 16 sub-blocks side by side, and their sums.
template <class K>
HWY_INLINE void weigh_affine(const float* x, const float* importance, const float* sigma2,
                             float* w, float* sum_w) {
  for (int at = 0; at < width; at += lanes) {
    VecF root = hn::Zero(LaneF()), sum = root;
    if (!importance && K::mean_root) {
      for (int i = 0; i < K::n; ++i) {
        const VecF value = load(x + i * width + at);
        root = hn::Add(root, hn::Mul(value, value));
      }
      root = hn::Sqrt(hn::Div(root, set(static_cast<float>(K::n))));
    }
    for (int i = 0; i < K::n; ++i) {
      const VecF value = load(x + i * width + at);
      VecF weight = hn::Abs(value);
      if (importance) {
        const VecF square = hn::Add(load(sigma2 + at), hn::Mul(value, value));
        weight = hn::Mul(load(importance + i * width + at), hn::Sqrt(square));
        sum = hn::Add(sum, weight);
      } else if (K::mean_root) {
        weight = hn::Add(root, weight);
      }
      store(weight, w + i * width + at);
    }
    store(sum, sum_w + at);
  }
}

// Searches sub-blocks `first` to `first` + 15 of the group, whose values are at `source`.
template <class K>
HWY_INLINE void search_sub_blocks(const float* source, const float* importance, const float* sigma2,
                                  int64_t offset, int64_t row, int first, AffineGroup<K>& group) {
  alignas(64) float x[K::n * width], w[K::n * width], q[K::n * width], s2[width];
  side_by_side(source, K::n, K::n, x);
  if (importance) {
    alignas(64) float columns[K::n * width];
    for (int s = 0; s < width; ++s) {
      s2[s] = sigma2[(first + s) / AffineGroup<K>::count];
      const int64_t column = (offset + (first + s) * K::n) % row;
      std::memcpy(columns + s * K::n, importance + column, K::n * sizeof(float));
    }
    side_by_side(columns, K::n, K::n, q);
  }
  weigh_affine<K>(x, importance ? q : nullptr, s2, w, group.sum_w + first);
  for (int at = 0; at < width; at += lanes) {
    const AffineFit fit =
        importance ? fit_affine<K::n, K::weighted.absolute>(K::weighted, x + at, w + at)
                   : fit_affine<K::n, K::search.absolute>(K::search, x + at, w + at);
    store(fit.scale, group.scale + first + at);
    store(hn::Neg(fit.min), group.min + first + at);
    store(fit.inverse, group.inverse + first + at);
    store(fit.origin, group.origin + first + at);
  }
}

// Codes of the scales (or of the minima) of 16 blocks with importance.
template <class K>
HWY_INLINE void fit_group_scales(const float* values, const float* sum_w, ScaleCodes* result) {
  constexpr int count = AffineGroup<K>::count;
  alignas(64) float x[count * width], w[count * width], step[width];
  alignas(64) int32_t codes[count * width];
  side_by_side(values, count, count, x);
  side_by_side(sum_w, count, count, w);
  for (int at = 0; at < width; at += lanes)
    store(fit_positive<count>(K::scale_top, x + at, w + at, codes + at), step + at);
  for (int b = 0; b < width; ++b) {
    result[b].step = step[b];
    for (int j = 0; j < count; ++j)
      result[b].codes[j] = static_cast<uint8_t>(codes[j * width + b]);
  }
}

template <class K>
HWY_INLINE void finish_block(const float* x, const AffineGroup<K>& group, int64_t b,
                             const ScaleCodes& s, const ScaleCodes& m, std::byte* out) {
  typename K::Block block = {};
  block.d = f16_from_f32(s.step);
  block.dmin = f16_from_f32(m.step);
  K::set_scales(s.codes, m.codes, block);
  const float d = f32_from_f16(block.d), dmin = f32_from_f16(block.dmin);
  alignas(64) uint8_t codes[256];
  for (int j = 0; j < group.count; ++j) {
    const float scale = d * static_cast<float>(K::scale(block, j));
    const float min = dmin * static_cast<float>(K::min(block, j));
    if (scale != 0) {
      divide_to_codes(x + j * K::n, K::n, min, scale, K::top, codes + j * K::n);
      continue;
    }
    const int64_t at = b * group.count + j;
    for (int i = j * K::n; i < (j + 1) * K::n; ++i)
      codes[i] = static_cast<uint8_t>(scalar::clamped(
          scalar::rounded(group.inverse[at] * (x[i] - group.origin[at])), 0, K::top));
  }
  K::set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

// Up to 16 blocks; `offset` is the place of the first value among all of the call.
template <class K>
HWY_INLINE void encode_affine_group(const float* x, const float* importance, std::byte* out,
                                    int64_t blocks, int64_t offset, int64_t row) {
  constexpr int count = AffineGroup<K>::count;
  AffineGroup<K> group = {};
  float sigma2[width] = {};
  ScaleCodes scales[width], mins[width];
  if (importance) {
    sums_of_squares(x, 256, 256, blocks, sigma2);
    for (float& s : sigma2) s = K::sigma_factor * s / 256;
  }
  const int sub_blocks = static_cast<int>(blocks) * count;
  for (int first = 0; first < sub_blocks; first += width) {
    if (first + width <= sub_blocks) {
      search_sub_blocks<K>(x + first * K::n, importance, sigma2, offset, row, first, group);
      continue;
    }
    // Half a vector of sub-blocks is left: the others are zero.
    alignas(64) float padded[width * K::n] = {};
    std::memcpy(padded, x + first * K::n, (sub_blocks - first) * K::n * sizeof(float));
    search_sub_blocks<K>(padded, importance, sigma2, offset, row, first, group);
  }
  if (importance) {
    fit_group_scales<K>(group.scale, group.sum_w, scales);
    fit_group_scales<K>(group.min, group.sum_w, mins);
  }
  for (int64_t b = 0; b < blocks; ++b, x += 256, out += sizeof(typename K::Block)) {
    if (!importance) {
      scales[b] = spread_scales(group.scale + b * count, count, K::scale_top);
      mins[b] = spread_scales(group.min + b * count, count, K::scale_top);
    }
    finish_block<K>(x, group, b, scales[b], mins[b], out);
  }
}

// importance: `row` values, or null.
template <class K>
void encode_affine(const float* x, const float* importance, std::byte* out, int64_t n,
                   int64_t row) {
  for (int64_t i = 0; i < n; i += width * 256, out += width * sizeof(typename K::Block))
    encode_affine_group<K>(x + i, importance, out, std::min<int64_t>(width, (n - i) / 256), i,
                           row);
}

#endif  // HWY_TARGET == HWY_SCALAR
}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target

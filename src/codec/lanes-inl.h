// Sub-blocks side by side: kernels of the searched types run the scalar algorithm of one sub-block
// in each lane, so that no sum is reordered and every width of a vector gives the same bits. 16
// sub-blocks lie in n rows of `width` floats, value i of sub-block s at [i * width + s].
// Included once for each Highway target; the target without vectors has one lane and lacks what
// moves values between lanes.
#if defined(RECAST_CODEC_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_LANES_INL_H
#undef RECAST_CODEC_LANES_INL_H
#else
#define RECAST_CODEC_LANES_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr int width = 16;

using LaneF = hn::CappedTag<float, width>;
using LaneI = hn::RebindToSigned<LaneF>;
using VecF = hn::Vec<LaneF>;
using VecI = hn::Vec<LaneI>;
using MaskF = hn::Mask<LaneF>;
inline constexpr int lanes = static_cast<int>(hn::MaxLanes(LaneF()));

HWY_INLINE VecF set(float v) { return hn::Set(LaneF(), v); }
HWY_INLINE VecF load(const float* p) { return hn::LoadU(LaneF(), p); }
HWY_INLINE void store(VecF v, float* p) { hn::StoreU(v, LaneF(), p); }

// scalar::rounded in every lane, for any value.
HWY_INLINE VecI rounded(VecF v) {
  const LaneI i;
  const auto bits = hn::BitCast(i, hn::Add(v, set(12582912.0f)));
  return hn::Sub(hn::And(bits, hn::Set(i, 0x7fffff)), hn::Set(i, 0x400000));
}

HWY_INLINE VecI clamped(VecI v, int low, int high) {
  const LaneI i;
  return hn::Min(hn::Max(v, hn::Set(i, low)), hn::Set(i, high));
}

// rounded(v), clamped and less `low`: counted from 0, for any value.
HWY_INLINE VecI rounded_from(VecF v, int low, int high) {
  const LaneI i;
  const auto bits = hn::BitCast(i, hn::Add(v, set(12582912.0f)));
  const VecI first = hn::Set(i, 0x400000 + low);
  const VecI code = hn::Max(hn::And(bits, hn::Set(i, 0x7fffff)), first);
  return hn::Sub(hn::Min(code, hn::Set(i, 0x400000 + high)), first);
}

// The clamped code as a float. `exact` is for values that may lie beyond +-4194303.
template <bool exact>
HWY_INLINE VecF code_of(VecF v, float low, float high) {
  if constexpr (exact) {
    return hn::ConvertTo(LaneF(), clamped(rounded(v), static_cast<int>(low),
                                          static_cast<int>(high)));
  } else {
    const VecF magic = set(12582912.0f);
    const VecF code = hn::Sub(hn::Add(v, magic), magic);
    return hn::Min(hn::Max(code, set(low)), set(high));
  }
}

// Whether no lane lies beyond the range in which rounding is simple; false for NaN.
HWY_INLINE bool in_range(VecF v) {
  return hn::AllTrue(LaneF(), hn::Le(hn::Abs(v), set(4194303.0f)));
}

// Bit of each lane, lane 0 lowest.
HWY_INLINE uint32_t bits_of(MaskF mask) {
#if HWY_TARGET <= HWY_AVX3
  return mask.raw;
#else
  uint8_t bits = 0;  // of 8 lanes at most
  hn::StoreMaskBits(LaneF(), mask, &bits);
  return bits;
#endif
}

HWY_INLINE VecF larger_magnitude(VecF first, VecF x) {
  return hn::IfThenElse(hn::Gt(hn::Abs(x), hn::Abs(first)), x, first);
}

#if HWY_TARGET != HWY_SCALAR
// Largest magnitude of n values, a multiple of 16; 0 when all are 0.
HWY_INLINE float largest_magnitude(const float* x, int n) {
  VecF largest = hn::Zero(LaneF());
  for (int i = 0; i < n; i += lanes) largest = hn::Max(largest, hn::Abs(load(x + i)));
  return hn::GetLane(hn::MaxOfLanes(LaneF(), largest));
}

// 4 contiguous floats for each 128 bits of a vector, taken `distance` apart.
template <class D>
HWY_INLINE hn::Vec<D> load_fours(D d, const float* from, int64_t distance) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return hn::LoadU(d, from);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_fours(half, from + hn::MaxLanes(half) / 4 * distance, distance),
                       load_fours(half, from, distance));
  }
}

// Puts 16 sub-blocks of n values, `distance` apart, side by side. n is a multiple of 4.
HWY_INLINE void side_by_side(const float* x, int n, int64_t distance, float* out) {
  const LaneF f;
  const hn::Repartition<double, LaneF> d;
  const auto pairs = [d](VecF v) HWY_ATTR { return hn::BitCast(d, v); };
  const auto put = [f](hn::Vec<decltype(d)> v, float* to) HWY_ATTR { store(hn::BitCast(f, v), to); };
  for (int s = 0; s < width; s += lanes)
    for (int i = 0; i < n; i += 4) {  // 4 x 4 values in each 128 bits: rows become columns
      const float* from = x + s * distance + i;
      const VecF a = load_fours(f, from, 4 * distance);
      const VecF b = load_fours(f, from + distance, 4 * distance);
      const VecF c = load_fours(f, from + 2 * distance, 4 * distance);
      const VecF e = load_fours(f, from + 3 * distance, 4 * distance);
      const auto ab = pairs(hn::InterleaveLower(f, a, b)), ab2 = pairs(hn::InterleaveUpper(f, a, b));
      const auto ce = pairs(hn::InterleaveLower(f, c, e)), ce2 = pairs(hn::InterleaveUpper(f, c, e));
      float* const to = out + i * width + s;
      put(hn::InterleaveLower(d, ab, ce), to);
      put(hn::InterleaveUpper(d, ab, ce), to + width);
      put(hn::InterleaveLower(d, ab2, ce2), to + 2 * width);
      put(hn::InterleaveUpper(d, ab2, ce2), to + 3 * width);
    }
}

// Sums of squares of up to 16 runs of n values, `distance` apart, each in order from 0.
HWY_INLINE void sums_of_squares(const float* x, int64_t n, int64_t distance, int64_t runs,
                                float* sums) {
  int64_t r = 0;
  for (; r + 4 <= runs; r += 4, x += 4 * distance) {
    float a = 0, b = 0, c = 0, d = 0;
    for (int64_t i = 0; i < n; ++i) {
      a += x[i] * x[i];
      b += x[i + distance] * x[i + distance];
      c += x[i + 2 * distance] * x[i + 2 * distance];
      d += x[i + 3 * distance] * x[i + 3 * distance];
    }
    sums[r] = a;
    sums[r + 1] = b;
    sums[r + 2] = c;
    sums[r + 3] = d;
  }
  for (; r < runs; ++r, x += distance) {
    float a = 0;
    for (int64_t i = 0; i < n; ++i) a += x[i] * x[i];
    sums[r] = a;
  }
}

// Codes 0 ... top, as bytes, of n contiguous values of one sub-block: rounded((x + add) / scale). n is a
// multiple of 16.
HWY_INLINE void divide_to_codes(const float* x, int n, float add, float scale, int top,
                                uint8_t* codes) {
  const hn::Rebind<uint8_t, LaneF> u8;
  const VecF a = set(add), s = set(scale);
  for (int i = 0; i < n; i += lanes) {
    const VecI code = rounded_from(hn::Div(hn::Add(load(x + i), a), s), 0, top);
    hn::StoreU(hn::DemoteTo(u8, code), u8, codes + i);
  }
}

#endif  // HWY_TARGET != HWY_SCALAR

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target

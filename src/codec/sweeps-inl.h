// scalar::fit_signed_by_sweeps for many sub-blocks. Most of them keep their first codes: those are
// told apart without a division, and only the others, put side by side, are swept.
#if defined(RECAST_CODEC_SWEEPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_SWEEPS_INL_H
#undef RECAST_CODEC_SWEEPS_INL_H
#else
#define RECAST_CODEC_SWEEPS_INL_H
#endif

#include <algorithm>
#include <bit>

#include "codec/search-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// One vector of sub-blocks: sums over their codes. A lane below 1e-15 is `small`, its scale is 0.
struct Sweep {
  VecF largest;
  MaskF small;
  SweepSums sums;

  HWY_INLINE VecF scale() const {
    const VecF quotient = hn::Div(sums.lx, sums.l2);
    const VecF found = hn::IfThenElseZero(hn::Gt(sums.l2, hn::Zero(LaneF())), quotient);
    return hn::IfThenZeroElse(small, found);
  }
};

// Leaves the first codes, without offset, in rows of `width`.
template <int n>
HWY_INLINE Sweep start_sweep(int half, const float* x, int32_t* codes) {
  const LaneF f;
  const LaneI i32;
  bool simple;
  Sweep sweep;
  sweep.largest = first_largest<n>(x, sweep.small, simple);
  sweep.sums.lx = sweep.sums.l2 = hn::Zero(f);
  const VecF inverse = hn::Div(set(static_cast<float>(-half)), sweep.largest);
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width);
    const VecF weight = hn::Mul(value, value);
    const VecI code = clamped(rounded(hn::Mul(inverse, value)), -half, half - 1);
    hn::StoreU(code, i32, codes + i * width);
    const VecF l = hn::ConvertTo(f, code);
    sweep.sums.lx = hn::Add(sweep.sums.lx, hn::Mul(hn::Mul(weight, value), l));
    sweep.sums.l2 = hn::Add(sweep.sums.l2, hn::Mul(hn::Mul(weight, l), l));
  }
  return sweep;
}

// Lanes in which a sweep may change a code. In the others each quotient x * l2 / lx lies, by more
// than its rounding, nearer to the present code than to any other; where numbers are so large or
// small that this cannot be told, the lane counts as open.
template <int n>
HWY_INLINE MaskF open_lanes(int half, const float* x, const int32_t* codes, const Sweep& sweep) {
  const LaneF f;
  const VecF low = set(static_cast<float>(-half)), high = set(static_cast<float>(half - 1));
  const VecF zero = hn::Zero(f);
  MaskF open = hn::Not(hn::Le(hn::Abs(sweep.largest), set(1e9f)));
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width);
    const VecF weight = hn::Mul(value, value);
    const VecF l = hn::ConvertTo(f, hn::LoadU(LaneI(), codes + i * width));
    const VecF lx = hn::Sub(sweep.sums.lx, hn::Mul(hn::Mul(weight, value), l));
    const VecF l2 = hn::Sub(sweep.sums.l2, hn::Mul(hn::Mul(weight, l), l));
    const VecF wanted = hn::Min(hn::Max(hn::Mul(value, l2), hn::Mul(low, lx)), hn::Mul(high, lx));
    const VecF distance = hn::Abs(hn::Sub(wanted, hn::Mul(l, lx)));
    const MaskF near = hn::And(hn::Le(distance, hn::Mul(set(0.4999f), lx)),
                               hn::Ge(lx, set(1e-30f)));
    open = hn::Or(open, hn::AndNot(near, hn::Gt(lx, zero)));
  }
  return open;
}

// Vectors that are swept at once, since each waits long for its divisions.
inline constexpr int sets = lanes < 16 ? 32 / lanes : 4, swept = sets * lanes;

// Scales of `swept` sub-blocks, each 16 of them side by side.
template <int n>
HWY_INLINE void sweep_codes(int half, const float* x, float* scales) {
  const LaneF f;
  alignas(64) int32_t codes[swept * n];
  Sweep sweeps[sets];
  const auto at = [](int k) { return k * lanes / width * width * n + k * lanes % width; };
  for (int k = 0; k < sets; ++k) sweeps[k] = start_sweep<n>(half, x + at(k), codes + at(k));
  for (int sweep = 0; sweep < 5; ++sweep) {
    MaskF changed = hn::Lt(hn::Zero(f), hn::Zero(f));
    for (int i = 0; i < n; ++i)
      for (int k = 0; k < sets; ++k) {
        const int place = at(k) + i * width;
        const VecF value = load(x + place);
        changed = hn::Or(changed, change_code<false>(-half, half - 1, value,
                                                     hn::Mul(value, value), codes + place,
                                                     sweeps[k].sums));
      }
    if (hn::AllFalse(f, changed)) break;
  }
  for (int k = 0; k < sets; ++k) store(sweeps[k].scale(), scales + k * lanes);
}

// Scales of `count` sub-blocks of n contiguous values; count is a multiple of 16 and at most 256.
template <int n>
HWY_INLINE void scales_by_sweeps(int half, const float* x, int count, float* scales) {
  alignas(64) float values[swept * n];
  alignas(64) int32_t codes[width * n];
  int open[256], opened = 0;
  for (int first = 0; first < count; first += width) {
    side_by_side(x + first * n, n, n, values);
    for (int at = 0; at < width; at += lanes) {
      const Sweep sweep = start_sweep<n>(half, values + at, codes + at);
      store(sweep.scale(), scales + first + at);
      uint32_t bits = bits_of(open_lanes<n>(half, values + at, codes + at, sweep));
      for (; bits; bits &= bits - 1) open[opened++] = first + at + std::countr_zero(bits);
    }
  }
  alignas(64) float run[swept * n] = {};  // behind the last one lie others, or zeros
  for (int first = 0; first < opened; first += swept) {
    const int here = std::min(swept, opened - first);
    for (int k = 0; k < here; ++k) std::copy_n(x + open[first + k] * n, n, run + k * n);
    for (int k = 0; k < swept; k += width)
      side_by_side(run + k * n, n, n, values + k * n);
    alignas(64) float found[swept];
    sweep_codes<n>(half, values, found);
    for (int k = 0; k < here; ++k) scales[open[first + k]] = found[k];
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target

// scalar::fit_signed_by_sweeps for many sub-blocks. Many keep their first codes: those are told apart
// without a division. The others are put side by side and swept, and after each sweep again those
// that it changed: what a sweep leaves as it is, the next one does too.
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

HWY_INLINE VecF scale_of(SweepSums sums) {
  return hn::IfThenElseZero(hn::Gt(sums.l2, hn::Zero(LaneF())), hn::Div(sums.lx, sums.l2));
}

// One vector of sub-blocks: sums over their codes. A lane below 1e-15 is `small`, its scale is 0.
struct Sweep {
  VecF largest;
  MaskF small;
  SweepSums sums;

  HWY_INLINE VecF scale() const { return hn::IfThenZeroElse(small, scale_of(sums)); }
};

// Leaves the first codes, without offset, and x^3 times each, its part of lx, in rows of `width`.
template <int n>
HWY_INLINE Sweep start_sweep(int half, const float* x, int32_t* codes, float* parts) {
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
    const VecF part = hn::Mul(hn::Mul(weight, value), l);
    store(part, parts + i * width);
    sweep.sums.lx = hn::Add(sweep.sums.lx, part);
    sweep.sums.l2 = hn::Add(sweep.sums.l2, hn::Mul(hn::Mul(weight, l), l));
  }
  return sweep;
}

// Lanes in which a sweep may change a code; row(i, x, l, part) gives value i, its code and its part of
// lx. A sweep wants the code nearest to q = x (l2 - x^2 l^2) / (lx - part), and q - l is
// (x l2 - l lx) / (lx - part). All roundings, here and there, are below 60 ulp of lx, 4e-6 of it, so a
// lane is closed when each |q - l| is below 0.4999 less 1e-5 lx / (lx - part). Where numbers are so
// large or small that this cannot be told, it counts as open.
template <int n, class Row>
HWY_INLINE MaskF open_lanes(int half, VecF largest, SweepSums sums, const Row& row) {
  const LaneF f;
  const VecF low = hn::Mul(sums.lx, set(static_cast<float>(-half)));
  const VecF high = hn::Mul(sums.lx, set(static_cast<float>(half - 1)));
  const VecF limit = hn::Mul(sums.lx, set(0.49989f));
  MaskF open = hn::Not(hn::And(hn::Ge(sums.lx, set(1e-28f)), hn::Le(hn::Abs(largest), set(1e9f))));
  for (int i = 0; i < n; ++i) {
    VecF x, l, part;
    row(i, x, l, part);
    const VecF wanted = hn::Min(hn::Max(hn::Mul(x, sums.l2), low), high);
    const VecF distance = hn::Abs(hn::Sub(wanted, hn::Mul(l, sums.lx)));
    open = hn::Or(open, hn::Gt(distance, hn::Sub(limit, hn::Mul(part, set(0.4999f)))));
  }
  return open;
}

// Of first codes. Where the largest value is positive, no code has the sign of its value, no part of
// lx is positive and each, being rounded the same way, is at least lx: no sweep changes a code.
template <int n>
HWY_INLINE MaskF open_at_first(int half, const float* x, const int32_t* codes, const float* parts,
                               const Sweep& sweep) {
  const MaskF open = open_lanes<n>(half, sweep.largest, sweep.sums,
                                   [&](int i, VecF& value, VecF& l, VecF& part) HWY_ATTR {
                                     value = load(x + i * width);
                                     l = hn::ConvertTo(LaneF(), hn::LoadU(LaneI(), codes + i * width));
                                     part = load(parts + i * width);
                                   });
  const MaskF never = hn::And(hn::Gt(sweep.largest, hn::Zero(LaneF())),
                              hn::Le(sweep.largest, set(1e9f)));
  return hn::AndNot(hn::Or(never, sweep.small), open);
}

// Sub-blocks that are still swept, one a lane, side by side in rows of `stride`.
template <int n>
struct SweepPool {
  static constexpr int capacity = 256, stride = capacity + 4 * lanes;
  alignas(64) float x[n * stride];
  alignas(64) int32_t codes[n * stride];
  alignas(64) float largest[stride], lx[stride], l2[stride];
  alignas(64) int32_t ids[stride];  // which ones they are
  int count = 0;

  // Adds the lanes of `chosen`; rows of `from_stride`. What is written behind them counts for nothing.
  HWY_INLINE void add(MaskF chosen, const float* from_x, const int32_t* from_codes, int from_stride,
                      VecF from_largest, SweepSums sums, VecI from_ids) {
    const LaneI i32;
    alignas(64) int32_t lane_of[lanes] = {};
#if HWY_TARGET <= HWY_AVX3
    hn::Store(hn::Compress(hn::Iota(i32, 0), hn::RebindMask(i32, chosen)), i32, lane_of);
    const int chosen_count = std::popcount(bits_of(chosen));
#else  // hn::Compress copies a table each time where there is no instruction for it
    int chosen_count = 0;
    for (uint32_t bits = bits_of(chosen); bits; bits &= bits - 1)
      lane_of[chosen_count++] = std::countr_zero(bits);
#endif
    const auto order = hn::SetTableIndices(LaneF(), lane_of);
    const auto integer_order = hn::SetTableIndices(i32, lane_of);
    for (int i = 0; i < n; ++i) {
      store(hn::TableLookupLanes(load(from_x + i * from_stride), order), x + i * stride + count);
      hn::StoreU(hn::TableLookupLanes(hn::LoadU(i32, from_codes + i * from_stride), integer_order),
                 i32, codes + i * stride + count);
    }
    store(hn::TableLookupLanes(from_largest, order), largest + count);
    store(hn::TableLookupLanes(sums.lx, order), lx + count);
    store(hn::TableLookupLanes(sums.l2, order), l2 + count);
    hn::StoreU(hn::TableLookupLanes(from_ids, integer_order), i32, ids + count);
    count += chosen_count;
  }

  // Zeros behind the last one, so that whole vectors can be computed on.
  HWY_INLINE void pad() {
    const VecF zero = hn::Zero(LaneF());
    for (int at = count; at < count + 4 * lanes; at += lanes) {
      for (int i = 0; i < n; ++i) {
        store(zero, x + i * stride + at);
        hn::StoreU(hn::Zero(LaneI()), LaneI(), codes + i * stride + at);
      }
      store(zero, largest + at);
      store(zero, lx + at);
      store(zero, l2 + at);
      hn::StoreU(hn::Zero(LaneI()), LaneI(), ids + at);
    }
  }
};

// One sweep over `sets` vectors from `at` on, at once since each waits long for its divisions. Their
// scales are written; the lanes that may change again move to the front of the pool.
template <int n, int sets>
HWY_INLINE void sweep_vectors(int half, int at, int total, SweepPool<n>& pool, float* scales) {
  const LaneF f;
  SweepSums sums[sets];
  MaskF changed[sets];
  for (int k = 0; k < sets; ++k) {
    sums[k] = {load(pool.lx + at + k * lanes), load(pool.l2 + at + k * lanes)};
    changed[k] = hn::Lt(hn::Zero(f), hn::Zero(f));
  }
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < sets; ++k) {
      const int place = i * SweepPool<n>::stride + at + k * lanes;
      const VecF value = load(pool.x + place);
      changed[k] = hn::Or(changed[k],
                          change_code<false>(-half, half - 1, value, hn::Mul(value, value),
                                             pool.codes + place, sums[k]));
    }
  for (int k = 0; k < sets; ++k) {
    const int first = at + k * lanes, here = std::min(lanes, total - first);
    if (here <= 0) break;
    alignas(64) float found[lanes];
    store(scale_of(sums[k]), found);
    for (int lane = 0; lane < here; ++lane) scales[pool.ids[first + lane]] = found[lane];
    const VecF largest = load(pool.largest + first);
    const MaskF open = open_lanes<n>(half, largest, sums[k], [&](int i, VecF& x, VecF& l,
                                                                VecF& part) HWY_ATTR {
      const int place = i * SweepPool<n>::stride + first;
      x = load(pool.x + place);
      l = hn::ConvertTo(f, hn::LoadU(LaneI(), pool.codes + place));
      part = hn::Mul(hn::Mul(hn::Mul(x, x), x), l);
    });
    const MaskF stays = hn::And(hn::And(changed[k], open),
                                hn::FirstN(f, static_cast<size_t>(here)));
    if (hn::AllFalse(f, stays)) continue;
    pool.add(stays, pool.x + first, pool.codes + first, SweepPool<n>::stride, largest, sums[k],
             hn::LoadU(LaneI(), pool.ids + first));
  }
}

template <int n>
HWY_INLINE void sweep_pool(int half, SweepPool<n>& pool, float* scales) {
  for (int sweep = 0; sweep < 5 && pool.count > 0; ++sweep) {
    pool.pad();
    const int total = pool.count;
    pool.count = 0;
    for (int at = 0; at < total;) {
      if (total - at > 2 * lanes) {
        sweep_vectors<n, 4>(half, at, total, pool, scales);
        at += 4 * lanes;
      } else {
        sweep_vectors<n, 2>(half, at, total, pool, scales);
        at += 2 * lanes;
      }
    }
  }
}

// Scales of `count` sub-blocks of n contiguous values; count is a multiple of 16 and at most 256.
template <int n>
HWY_INLINE void scales_by_sweeps(int half, const float* x, int count, float* scales) {
  alignas(64) float values[width * n];
  alignas(64) int32_t codes[width * n];
  alignas(64) float parts[width * n];
  SweepPool<n> pool;
  for (int first = 0; first < count; first += width) {
    side_by_side(x + first * n, n, n, values);
    for (int at = 0; at < width; at += lanes) {
      const Sweep sweep = start_sweep<n>(half, values + at, codes + at, parts + at);
      store(sweep.scale(), scales + first + at);
      const MaskF open = open_at_first<n>(half, values + at, codes + at, parts + at, sweep);
      if (hn::AllFalse(LaneF(), open)) continue;
      pool.add(open, values + at, codes + at, width, sweep.largest, sweep.sums,
               hn::Iota(LaneI(), first + at));
    }
  }
  sweep_pool<n>(half, pool, scales);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target

// What the kernels of IQ1_S and IQ1_M share: sorting, and trying many cuts at once.
#if defined(RECAST_CODEC_IQ1_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_IQ1_INL_H
#undef RECAST_CODEC_IQ1_INL_H
#else
#define RECAST_CODEC_IQ1_INL_H
#endif

#include <algorithm>
#include <bit>

#include "codec/iq1.h"
#include "codec/iq_nearest-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// scalar::sort_values: counts for each value those before it.
template <int n>
HWY_INLINE void sort_values(const float* x, int* order) {
  const LaneI i32;
  for (int j = 0; j < n; j += lanes) {
    const VecF own = load(x + j);
    const VecI place = hn::Iota(i32, j);
    VecI rank = hn::Zero(i32);
    for (int i = 0; i < n; ++i) {
      const VecF other = set(x[i]);
      const MaskF earlier = hn::RebindMask(LaneF(), hn::Gt(place, hn::Set(i32, i)));
      const MaskF before =
          hn::Or(hn::Lt(other, own), hn::And(earlier, hn::Eq(other, own)));
      rank = hn::Sub(rank, hn::VecFromMask(i32, hn::RebindMask(i32, before)));
    }
    alignas(64) int32_t ranks[lanes];
    hn::Store(rank, i32, ranks);
    for (int l = 0; l < lanes; ++l) order[ranks[l]] = j + l;
  }
}

// The sums of a search must neither overflow nor vanish for CutRatios to reason
// with ratios: whether each is 0 or lies in the middle of the range of f32.
HWY_INLINE bool moderate(const float* w, int n) {
  MaskF all = hn::Eq(set(0), set(0));
  for (int i = 0; i < n; i += lanes) {
    const VecF v = load(w + i);
    all = hn::And(all, hn::Or(hn::Eq(v, set(0)), hn::And(hn::Ge(v, set(1e-25f)),
                                                         hn::Le(v, set(1e25f)))));
  }
  return hn::AllTrue(LaneF(), all);
}

// The ratios qx * qx / q2 of all cuts first <= second <= n of one sub-block a lane, the largest of
// the `kinds` that each cut has. The definition takes one after the other whenever
// qx * qx > score * q2. Only those whose ratio lies near the largest can decide: among few of them
// within 2e-4 there is a gap far wider than rounding, the first above it is taken whatever was
// before, and none below it is taken afterwards. Ratios are not quite exact here.
template <int kinds, int n>
struct CutRatios {
  static constexpr int cuts = (n + 1) * (n + 2) / 2, few = 192 / kinds;
  alignas(64) float high[cuts * lanes];  // in order: second cuts for each first one
  VecF best;

  HWY_INLINE void put(int cut, const VecF (&qx)[kinds], const VecF (&q2)[kinds]) {
    VecF largest = ratio(qx[0], q2[0]);
    for (int k = 1; k < kinds; ++k) largest = hn::Max(largest, ratio(qx[k], q2[k]));
    store(largest, high + cut * lanes);
    best = hn::Max(best, largest);
  }

  // Calls offer(lane, first, second) for the cuts that can decide, in order. Returns a bit for each
  // lane where they are too many, or sums left the middle of the range of f32.
  template <class Offer>
  HWY_INLINE uint32_t offer_near(const Offer& offer) const {
    const LaneF f;
    const VecF threshold = hn::Mul(best, set(0.9998f));
    struct {
      uint32_t lanes_near, first, second;
    } list[cuts];
    VecF counts = hn::Zero(f);
    const VecF one = set(1);
    int listed = 0;
    const float* ratios = high;
    for (uint32_t a = 0; a <= n; ++a)
      for (uint32_t b = a; b <= n; ++b, ratios += lanes) {
        const MaskF near = hn::Gt(load(ratios), threshold);
        counts = hn::Add(counts, hn::IfThenElseZero(near, one));
        list[listed] = {bits_of(near), a, b};
        listed += list[listed].lanes_near != 0;  // no branch: it could not be foreseen
      }
    const MaskF usual = hn::And(hn::Gt(best, set(1e-20f)),
                                hn::Lt(best, set(1e20f)));
    const uint32_t clear =
        bits_of(hn::And(usual, hn::Le(counts, set(few))));
    for (int i = 0; i < listed; ++i)
      for (uint32_t bits = list[i].lanes_near & clear; bits; bits &= bits - 1)
        offer(std::countr_zero(bits), static_cast<int>(list[i].first),
              static_cast<int>(list[i].second));
    return ~clear;
  }

 private:
  static HWY_INLINE VecF ratio(VecF qx, VecF q2) {
    const VecF one = set(1);
    const VecF weight = hn::Max(q2, set(1e-30f));  // without any, qx is 0
#if HWY_ARCH_X86
    const VecF near = hn::ApproximateReciprocal(weight);
    const VecF inverse = hn::MulAdd(near, hn::NegMulAdd(weight, near, one), near);
#else
    const VecF inverse = hn::Div(one, weight);
#endif
    return hn::Mul(hn::Mul(qx, qx), inverse);
  }
};

// Lanes b, b + 1 ... that lie in low ... high.
HWY_INLINE MaskF within(int b, int low, int high) {
  const LaneF f;
  const auto below = hn::FirstN(f, static_cast<size_t>(std::clamp(low - b, 0, lanes)));
  return hn::AndNot(below, hn::FirstN(f, static_cast<size_t>(std::min(high + 1 - b, lanes))));
}

// scalar::settle_groups; down[g] names the table of group g.
HWY_INLINE float settle_groups(const float* x, const float* w, int groups, const uint8_t* levels,
                               const bool* down, float scale, uint16_t* keys) {
  const iq::Grid& grid = iq::iq1s_grid();
  bool moved = false;
  for (int g = 0; g < groups; ++g) {
    uint32_t key = 0;
    for (int i = 0; i < 8; ++i) key |= static_cast<uint32_t>(levels[8 * g + i]) << (2 * i);
    if (grid.id(key) < 0) {
      key = nearest_neighbour<8, 2>(grid, key, scale, x + 8 * g, w + 8 * g, 1,
                                    down[g] ? iq::shift_down_repeated : iq::shift_up_repeated);
      moved = true;
    }
    keys[g] = static_cast<uint16_t>(key);
  }
  if (!moved) return scale;
  float qx = 0, q2 = 0;
  for (int i = 0; i < 8 * groups; ++i) {
    const float* table = down[i / 8] ? iq::shift_down : iq::shift_up;
    const float t = table[keys[i / 8] >> (2 * (i % 8)) & 3];
    qx += w[i] * t * x[i];
    q2 += w[i] * t * t;
  }
  return qx > 0 && q2 > 0 ? qx / q2 : scale;
}

// Weights of n values; without importance their squares.
HWY_INLINE void weigh_iq1(const float* x, const float* importance, float sigma2, int n, float* w) {
  for (int i = 0; i < n; i += lanes) {
    const VecF square = hn::Mul(load(x + i), load(x + i));
    store(importance ? hn::Mul(load(importance + i), hn::Sqrt(hn::Add(set(sigma2), square)))
                     : square,
          w + i);
  }
}

// Levels in the order of the values from two cuts of their sorted order.
HWY_INLINE void levels_of_cut(const int* order, int n, int first, int second, bool flip,
                              uint8_t* levels) {
  for (int j = 0; j < n; ++j) {
    const int level = (j >= first) + (j >= second);
    levels[order[j]] = static_cast<uint8_t>(flip ? 2 - level : level);
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target

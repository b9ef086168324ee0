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

// Bit of each lane, lane 0 lowest.
HWY_INLINE uint32_t bits_of(MaskF mask) {
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(LaneF(), mask, bytes);
  return bytes[0] | static_cast<uint32_t>(bytes[1]) << 8;
}

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

// The sums of a search must neither overflow nor vanish for CutOffers to reason
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

// Every cut with `kinds` quotients qx / q2, in the order of the definition, which takes one after
// the other whenever qx * qx > score * q2. Only those whose ratio qx * qx / q2 lies near the
// largest can decide: among at most 32 of them within 2e-4 there is a gap far wider than rounding,
// the first above it is taken whatever was before, and none below it is taken afterwards.
template <int kinds, int capacity>
struct CutOffers {
  alignas(64) float qx[capacity][kinds][lanes], q2[capacity][kinds][lanes];
  int first[capacity], second[capacity];  // cuts of lane 0

  // `largest` follows the ratios, not quite exactly; it begins as 0 and stays in a register.
  HWY_INLINE void add(int step, int a, int b, MaskF valid, const VecF (&x)[kinds],
                      const VecF (&w)[kinds], VecF& largest) {
    const LaneF f;
    for (int k = 0; k < kinds; ++k) {
      const MaskF usable = hn::And(valid, hn::Gt(w[k], hn::Zero(f)));
      hn::Store(hn::IfThenElseZero(usable, x[k]), f, qx[step][k]);
      hn::Store(hn::IfThenElseZero(usable, w[k]), f, q2[step][k]);
#if HWY_TARGET <= HWY_AVX3
      const VecF ratio = hn::Mul(hn::Mul(x[k], x[k]), VecF{_mm512_rcp14_ps(w[k].raw)});
#else
      const VecF ratio = hn::Div(hn::Mul(x[k], x[k]), w[k]);
#endif
      largest = hn::Max(largest, hn::IfThenElseZero(usable, ratio));
    }
    first[step] = a;
    second[step] = b;
  }

  struct Chosen {
    iq::scalar::Best best;
    int first = 0, second = 0, kind = 0;
  };

  HWY_INLINE void offer(int step, int lane, int kind, Chosen& chosen) const {
    if (!chosen.best.take(qx[step][kind][lane], q2[step][kind][lane])) return;
    chosen.first = first[step];
    chosen.second = second[step] + lane;
    chosen.kind = kind;
  }

  HWY_INLINE Chosen choose(int steps, bool regular, VecF largest) const {
    const LaneF f;
    Chosen chosen;
    const float top = hn::GetLane(hn::MaxOfLanes(f, largest));
    int near = regular && top > 1e-20f && top < 1e20f ? 0 : 33;
    const VecF threshold = set(top * 0.9998f);
    for (int s = 0; s < steps && near <= 32; ++s) {
      uint32_t bits[kinds], any = 0;
      for (int k = 0; k < kinds; ++k) {
        const VecF x = hn::Load(f, qx[s][k]);
        bits[k] = bits_of(hn::Gt(hn::Mul(x, x), hn::Mul(threshold, hn::Load(f, q2[s][k]))));
        any |= bits[k];
      }
      for (; any; any &= any - 1) {
        const int lane = std::countr_zero(any);
        for (int k = 0; k < kinds; ++k) {
          if (!(bits[k] >> lane & 1)) continue;
          ++near;
          offer(s, lane, k, chosen);
        }
      }
    }
    if (near > 0 && near <= 32) return chosen;
    chosen = {};
    for (int s = 0; s < steps; ++s)
      for (int lane = 0; lane < lanes; ++lane)
        for (int k = 0; k < kinds; ++k) offer(s, lane, k, chosen);
    return chosen;
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

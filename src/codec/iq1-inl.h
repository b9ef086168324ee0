// What the kernels of IQ1_S and IQ1_M share: sorting, and trying many cuts at once.
#if defined(RECAST_CODEC_IQ1_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_IQ1_INL_H
#undef RECAST_CODEC_IQ1_INL_H
#else
#define RECAST_CODEC_IQ1_INL_H
#endif

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

// Offers `kinds` quotients of each lane of `valid` to `best`, lane by lane and kind by kind as the
// definition does; calls taken(lane, kind) for each that is better than all before.
template <int kinds, class Taken>
HWY_INLINE void take_best(const VecF (&qx)[kinds], const VecF (&q2)[kinds], uint32_t valid,
                          iq::scalar::Best& best, const Taken& taken) {
  int last_lane = -1, last_kind = 0;
  VecF squares[kinds];
  for (int k = 0; k < kinds; ++k) squares[k] = hn::Mul(qx[k], qx[k]);
  for (;;) {
    const VecF score = set(best.score);
    int lane = 32, kind = 0;
    for (int k = 0; k < kinds; ++k) {
      const MaskF better = hn::And(hn::Gt(q2[k], hn::Zero(LaneF())),
                                   hn::Gt(squares[k], hn::Mul(score, q2[k])));
      const int first = last_lane + (k > last_kind || last_lane < 0 ? 0 : 1);
      const uint32_t left = last_lane < 0 ? valid : valid & (~0u << first);
      const int found = std::countr_zero(bits_of(better) & left);
      if (found >= lane) continue;
      lane = found;
      kind = k;
    }
    if (lane == 32) return;
    alignas(64) float all_qx[lanes], all_q2[lanes];
    store(qx[kind], all_qx);
    store(q2[kind], all_q2);
    if (best.take(all_qx[lane], all_q2[lane])) taken(lane, kind);
    last_lane = lane;
    last_kind = kind;
  }
}

alignas(64) inline constexpr float shift_up_repeated[16] = {
    -0.875f, 0.125f, 1.125f, 0, -0.875f, 0.125f, 1.125f, 0,
    -0.875f, 0.125f, 1.125f, 0, -0.875f, 0.125f, 1.125f, 0};
alignas(64) inline constexpr float shift_down_repeated[16] = {
    -1.125f, -0.125f, 0.875f, 0, -1.125f, -0.125f, 0.875f, 0,
    -1.125f, -0.125f, 0.875f, 0, -1.125f, -0.125f, 0.875f, 0};

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
                                    down[g] ? shift_down_repeated : shift_up_repeated);
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

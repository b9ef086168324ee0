// What the kernels of IQ4_NL and IQ4_XS share: the search of iq4.h in each lane.
#if defined(RECAST_CODEC_IQ4_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_IQ4_INL_H
#undef RECAST_CODEC_IQ4_INL_H
#else
#define RECAST_CODEC_IQ4_INL_H
#endif

#include "codec/iq4.h"
#include "codec/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// The nearest level of each lane, for |v| < 144.
#if HWY_TARGET <= HWY_AVX3
// The middles lie more than 9 apart and not on a multiple of 9: of 32 intervals of that length each
// has one at most, and so two levels.
struct NearestLevel {
  alignas(64) float middle[32], below[32], above[32];

  NearestLevel() {
    for (int k = 0; k < 32; ++k) {
      const float begin = static_cast<float>(9 * (k - 16));
      int m = 0;
      while (m < 15 && iq4_middles[m] < begin) ++m;
      middle[k] = m < 15 ? iq4_middles[m] : 1000.0f;
      below[k] = iq4_levels[m];
      above[k] = iq4_levels[m < 15 ? m + 1 : 15];
    }
  }
  static HWY_INLINE VecF look_up(const float* table, VecI index) {
    return VecF{_mm512_permutex2var_ps(load(table).raw, index.raw, load(table + 16).raw)};
  }
  HWY_INLINE VecF operator()(VecF v) const {
    const VecF place = hn::Add(hn::Mul(v, set(1.0f / 9)), set(16));
    const VecI index = VecI{_mm512_cvttps_epi32(place.raw)};
    const auto low = hn::Lt(v, look_up(middle, index));
    return hn::IfThenElse(low, look_up(below, index), look_up(above, index));
  }
};
#else
struct NearestLevel {
  HWY_INLINE VecF operator()(VecF v) const {
    VecF level = set(iq4_levels[0]);
    for (int k = 0; k < 15; ++k)
      level = hn::IfThenElse(hn::Lt(v, set(iq4_middles[k])), level, set(iq4_levels[k + 1]));
    return level;
  }
};
#endif

#if HWY_TARGET != HWY_SCALAR
// The scale of 32 values in each lane, 0 below 1e-15.
HWY_INLINE VecF fit_iq4(const NearestLevel& nearest, const float* x, const float* w) {
  const LaneF f;
  const VecF zero = hn::Zero(f), top = set(iq4_levels[0]);
  VecF largest = zero;
  for (int i = 0; i < 32; ++i) largest = larger_magnitude(largest, load(x + i * width));
  const MaskF small = hn::Lt(hn::Abs(largest), set(1e-15f));
  largest = hn::IfThenElse(small, set(1), largest);
  VecF d = hn::Div(hn::Neg(largest), top), best = zero;
  for (int t = -8; t <= 7; ++t) {
    const VecF inverse = t == -8 ? hn::Div(set(1), d)
                                 : hn::Div(set(static_cast<float>(t) + iq4_levels[0]), largest);
    VecF qx = zero, q2 = zero;
    for (int i = 0; i < 32; ++i) {
      const VecF value = load(x + i * width);
      const VecF q = nearest(hn::Mul(inverse, value));
      const VecF wq = hn::Mul(load(w + i * width), q);
      qx = hn::Add(qx, hn::Mul(wq, value));
      q2 = hn::Add(q2, hn::Mul(wq, q));
    }
    const MaskF usable = hn::Gt(q2, zero);
    const VecF quotient = hn::Div(qx, q2);
    if (t == -8) {
      d = hn::IfThenElseZero(usable, quotient);
      best = hn::Mul(d, qx);
      continue;
    }
    const MaskF better = hn::And(usable, hn::Gt(hn::Mul(qx, qx), hn::Mul(best, q2)));
    d = hn::IfThenElse(better, quotient, d);
    best = hn::IfThenElse(better, hn::Mul(quotient, qx), best);
  }
  return hn::IfThenZeroElse(small, d);
}

// scalar::set_iq4_codes.
HWY_INLINE void set_iq4_codes(const float* x, float scale, uint8_t* bytes) {
  const hn::Rebind<uint8_t, LaneF> u8;
  const LaneI i32;
  const VecF inverse = set(scale != 0 ? 1 / scale : 0.0f);
  const auto code = [&](const float* p) HWY_ATTR {
    const VecF v = hn::Mul(inverse, load(p));
    VecF c = hn::Zero(LaneF());
    for (int k = 0; k < 15; ++k)
      c = hn::IfThenElse(hn::Lt(v, set(iq4_middles[k])), c, set(static_cast<float>(k + 1)));
    return hn::ConvertTo(i32, c);
  };
  for (int j = 0; j < 16; j += lanes) {
    const VecI pair = hn::Or(code(x + j), hn::ShiftLeft<4>(code(x + j + 16)));
    hn::StoreU(hn::DemoteTo(u8, pair), u8, bytes + j);
  }
}

#endif  // HWY_TARGET != HWY_SCALAR

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target

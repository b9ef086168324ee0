// What the kernels of TQ1_0, TQ2_0 and Q2_0 share: codes of values that are divided by the largest
// magnitude, and so are rounded to -1, 0 or 1.
#if defined(RECAST_CODEC_ROUNDED_ONES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_ROUNDED_ONES_INL_H
#undef RECAST_CODEC_ROUNDED_ONES_INL_H
#else
#define RECAST_CODEC_ROUNDED_ONES_INL_H
#endif

#include "codec/lanes-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// Writes n codes 0, 1, 2, halves away from zero; returns the largest magnitude. Where its inverse
// is infinite all products are infinite or no numbers: they get the code `odd`.
HWY_INLINE float codes_of_ones(const float* x, int n, int odd, uint8_t* codes) {
  const LaneI i32;
  const hn::Rebind<uint8_t, LaneF> u8;
  const float d = largest_magnitude(x, n);
  const VecF inverse = set(d != 0 ? 1 / d : 0.0f);
  for (int i = 0; i < n; i += lanes) {
    const VecF v = hn::Mul(load(x + i), inverse);
    const auto mask = [&](MaskF m, int value) HWY_ATTR {
      return hn::IfThenElseZero(hn::RebindMask(i32, m), hn::Set(i32, value));
    };
    const VecI up = mask(hn::Ge(v, set(0.5f)), 1), down = mask(hn::Le(v, set(-0.5f)), 1);
    const VecI code = hn::Add(hn::Set(i32, 1), hn::Sub(up, down));
    const auto usual = hn::RebindMask(i32, hn::Le(hn::Abs(v), set(2)));
    hn::StoreU(hn::DemoteTo(u8, hn::IfThenElse(usual, code, hn::Set(i32, odd))), u8, codes + i);
  }
  return d;
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target

// scalar::nearest_fp4 for vectors. Included once for each Highway target; nothing is defined for
// the target without vectors.
#if defined(RECAST_CODEC_FP4_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_FP4_INL_H
#undef RECAST_CODEC_FP4_INL_H
#else
#define RECAST_CODEC_FP4_INL_H
#endif

#include "codec/fp4.h"
#include "codec/lanes-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// Codes of 16 values, one a byte. Positive and negative codes mirror each other, so the magnitude
// decides; of two at the same distance the first wins in both.
HWY_INLINE void nearest_fp4(const float* x, float scale, uint8_t* codes) {
  const LaneI i32;
  const hn::Rebind<uint8_t, LaneF> u8;
  for (int i = 0; i < 16; i += lanes) {
    const VecF value = load(x + i), magnitude = hn::Abs(value);
    VecF least = magnitude;
    VecI code = hn::Zero(i32);
    for (int k = 1; k < 8; ++k) {
      const VecF distance = hn::Abs(hn::Sub(set(fp4_doubled[k] * scale), magnitude));
      const MaskF nearer = hn::Lt(distance, least);
      least = hn::IfThenElse(nearer, distance, least);
      code = hn::IfThenElse(hn::RebindMask(i32, nearer), hn::Set(i32, k), code);
    }
    const auto negative = hn::And(hn::RebindMask(i32, hn::Lt(value, hn::Zero(LaneF()))),
                                  hn::Gt(code, hn::Zero(i32)));
    code = hn::Or(code, hn::IfThenElseZero(negative, hn::Set(i32, 8)));
    hn::StoreU(hn::DemoteTo(u8, code), u8, codes + i);
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target

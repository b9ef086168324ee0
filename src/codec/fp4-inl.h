// scalar::nearest_fp4 for vectors. Included once for each Highway target; nothing is defined for
// the target without vectors.
#if defined(RECAST_CODEC_FP4_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_FP4_INL_H
#undef RECAST_CODEC_FP4_INL_H
#else
#define RECAST_CODEC_FP4_INL_H
#endif

#include <limits>

#include "codec/fp4.h"
#include "codec/lanes-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// The magnitudes above which the codes 1 ... 7 begin, at one scale: half way between two codes,
// which f32 holds exactly. At scale 0 the first code wins, as it does where another is infinite.
struct Fp4Bounds {
  VecF above[7];
};
HWY_INLINE Fp4Bounds fp4_bounds(float scale) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float middle[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};
  const VecF s = set(scale != 0 ? scale : infinity);
  Fp4Bounds bounds;
  for (int k = 0; k < 7; ++k) bounds.above[k] = hn::Mul(s, set(middle[k]));
  if (scale * fp4_doubled[6] == infinity) bounds.above[5] = set(infinity);
  return bounds;
}

// Codes of a vector of values. Positive and negative codes mirror each other, so the magnitude
// decides; of two at the same distance the first wins in both.
HWY_INLINE VecI nearest_fp4(const float* x, const Fp4Bounds& bounds) {
  const LaneI i32;
  const VecF value = load(x), magnitude = hn::Abs(value);
  VecI code = hn::Zero(i32);
  for (int k = 0; k < 7; ++k) {
    const auto above = hn::RebindMask(i32, hn::Gt(magnitude, bounds.above[k]));
    code = hn::Sub(code, hn::VecFromMask(i32, above));
  }
  const VecI sign = hn::And(hn::ShiftRight<28>(hn::BitCast(i32, value)), hn::Set(i32, 8));
  return hn::IfThenElseZero(hn::Gt(code, hn::Zero(i32)), hn::Or(code, sign));
}

// Bytes of n values and of those `n` behind them: the first code in the low nibble.
HWY_INLINE void write_fp4(const float* x, int n, float scale, uint8_t* out) {
  const hn::Rebind<uint8_t, LaneF> u8;
  const Fp4Bounds bounds = fp4_bounds(scale);
  for (int i = 0; i < n; i += lanes) {
    const VecI upper = hn::ShiftLeft<4>(nearest_fp4(x + n + i, bounds));
    hn::StoreU(hn::DemoteTo(u8, hn::Or(nearest_fp4(x + i, bounds), upper)), u8, out + i);
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target

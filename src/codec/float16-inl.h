// Vectors of f32 from and to the bits of f16, equal to tensor/float16.h on every target. Included
// once for each Highway target; nothing is defined for the target without vectors.
#if defined(RECAST_CODEC_FLOAT16_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_FLOAT16_INL_H
#undef RECAST_CODEC_FLOAT16_INL_H
#else
#define RECAST_CODEC_FLOAT16_INL_H
#endif

#include "hwy/highway.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>  // a tag of f32
HWY_INLINE hn::Vec<D> f32_from_f16(D f, hn::Vec<hn::Rebind<uint16_t, D>> halves) {
#if HWY_TARGET <= HWY_AVX2  // the instruction does just this
  const hn::Rebind<hwy::float16_t, D> f16;
  return hn::PromoteTo(f, hn::BitCast(f16, halves));
#else
  const hn::RebindToUnsigned<D> u32;
  const hn::RebindToSigned<D> i32;
  const auto bits = hn::PromoteTo(i32, halves);
  const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(i32, 0x7fff)));
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(i32, 0x8000)));
  const auto value = hn::BitCast(i32, hn::Mul(hn::BitCast(f, magnitude), hn::Set(f, 0x1p112f)));
  const auto infinity = hn::Set(i32, 0x7c00 << 13);
  const auto quiet = hn::IfThenElseZero(hn::Gt(magnitude, infinity), hn::Set(i32, 0x00400000));
  const auto nonfinite = hn::Or(hn::Or(magnitude, hn::Set(i32, 0x7f800000)), quiet);
  const auto result = hn::IfThenElse(hn::Lt(magnitude, infinity), value, nonfinite);
  return hn::BitCast(f, hn::BitCast(u32, hn::Or(result, sign)));
#endif
}

template <class D>
HWY_INLINE hn::Vec<hn::Rebind<uint16_t, D>> f16_from_f32(D f, hn::Vec<D> values) {
  const hn::Rebind<uint16_t, D> u16;
#if HWY_TARGET <= HWY_AVX2
  // The instruction keeps the payload of a NaN; ours is always the same one.
  const hn::RebindToUnsigned<D> u32;
  const auto sign = hn::And(hn::BitCast(u32, values), hn::Set(u32, 0x80000000u));
  const auto nan = hn::BitCast(f, hn::Or(sign, hn::Set(u32, 0x7fc00000u)));
  const auto clean = hn::IfThenElse(hn::IsNaN(values), nan, values);
  return hn::BitCast(u16, hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), clean));
#else
  const hn::RebindToSigned<D> i32;
  const auto bits = hn::BitCast(i32, values);
  const auto magnitude = hn::And(bits, hn::Set(i32, 0x7fffffff));
  const auto sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(i32, 0x8000));
  const auto sum = hn::Add(hn::BitCast(f, magnitude), hn::Set(f, 0.5f));
  const auto subnormal = hn::Sub(hn::BitCast(i32, sum), hn::Set(i32, 0x3f000000));
  const auto odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(i32, 1));
  const auto rebiased = hn::Add(magnitude, hn::Set(i32, 0xfff - (112 << 23)));
  auto half = hn::ShiftRight<13>(hn::Add(rebiased, odd));
  half = hn::IfThenElse(hn::Lt(magnitude, hn::Set(i32, 0x38800000)), subnormal, half);
  half = hn::IfThenElse(hn::Lt(magnitude, hn::Set(i32, 0x477ff000)), half, hn::Set(i32, 0x7c00));
  half = hn::IfThenElse(hn::Gt(magnitude, hn::Set(i32, 0x7f800000)), hn::Set(i32, 0x7e00), half);
  return hn::DemoteTo(u16, hn::Or(half, sign));
#endif
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target

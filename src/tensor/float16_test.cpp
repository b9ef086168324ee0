#include "tensor/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace recast {
namespace {

// The definition in doubles: round to a multiple of the last place, which stops shrinking at the
// smallest normal exponent.
double nearest(double value, int mantissa_bits, int smallest_exponent) {
  if (value == 0) return value;
  const int exponent = std::max(std::ilogb(value), smallest_exponent);
  const double step = std::ldexp(1.0, exponent - mantissa_bits);
  return std::nearbyint(value / step) * step;
}

double value_of_half(uint16_t half) {
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

TEST(Float16, EveryHalfDecodesToItsValueAndBack) {
  for (uint32_t i = 0; i < 0x10000; ++i) {
    const uint16_t half = static_cast<uint16_t>(i);
    const float value = f32_from_f16(half);
    const bool finite = (half & 0x7c00) != 0x7c00;
    if (finite) {
      ASSERT_EQ(value, value_of_half(half)) << i;
      ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0) << i;
      ASSERT_EQ(f16_from_f32(value), half) << i;
    } else if (half & 0x3ff) {
      ASSERT_TRUE(std::isnan(value)) << i;
      ASSERT_EQ(f16_from_f32(value), (half & 0x8000) | 0x7e00) << i;
    } else {
      ASSERT_EQ(value, (half & 0x8000 ? -1 : 1) * std::numeric_limits<float>::infinity());
      ASSERT_EQ(f16_from_f32(value), half) << i;
    }
  }
}

TEST(Float16, EveryBrainFloatDecodesExactlyAndBack) {
  for (uint32_t i = 0; i < 0x10000; ++i) {
    const uint16_t brain = static_cast<uint16_t>(i);
    const float value = f32_from_bf16(brain);
    ASSERT_EQ(std::bit_cast<uint32_t>(value), i << 16);
    const bool nan = (brain & 0x7f80) == 0x7f80 && (brain & 0x7f);
    ASSERT_EQ(bf16_from_f32(value), nan ? brain | 0x40 : brain) << i;
  }
}

// 1021 is prime, so the low bits of the patterns take every value.
TEST(Float16, RoundingIsToNearestEven) {
  for (uint64_t i = 0; i < 0x7f800000u; i += 1021) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(i));
    const double half = nearest(value, 10, -14);
    const float wanted_half =
        half > 65504 ? std::numeric_limits<float>::infinity() : static_cast<float>(half);
    ASSERT_EQ(f32_from_f16(f16_from_f32(value)), wanted_half) << i;
    ASSERT_EQ(f16_from_f32(-value), f16_from_f32(value) | 0x8000) << i;
    ASSERT_EQ(f32_from_bf16(bf16_from_f32(value)), static_cast<float>(nearest(value, 7, -126)))
        << i;
    ASSERT_EQ(bf16_from_f32(-value), bf16_from_f32(value) | 0x8000) << i;
  }
}

TEST(Float16, TiesAndLimits) {
  EXPECT_EQ(f16_from_f32(65519.996f), 0x7bff);
  EXPECT_EQ(f16_from_f32(65520.0f), 0x7c00);
  EXPECT_EQ(f16_from_f32(0x1p-25f), 0x0000);         // half of the smallest: even is zero
  EXPECT_EQ(f16_from_f32(0x1.000002p-25f), 0x0001);  // a little more
  EXPECT_EQ(f16_from_f32(0x3p-25f), 0x0002);
  EXPECT_EQ(f16_from_f32(-0.0f), 0x8000);
  EXPECT_EQ(f16_from_f32(std::bit_cast<float>(0xff800001u)), 0xfe00);
  EXPECT_EQ(bf16_from_f32(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x7f800001u)), 0x7fc0);
}

}  // namespace
}  // namespace recast

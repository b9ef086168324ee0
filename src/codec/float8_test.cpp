#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "codec/codecs.h"

namespace recast::codec {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Format {
  const Codec* codec;
  int mantissa_bits, bias;
  int finite;    // positive codes that are finite
  float beyond;  // what larger values become
  bool fnuz;
};
const Format formats[] = {
    {&f8_e4m3, 3, 7, 0x7f, 448, false},
    {&f8_e5m2, 2, 15, 0x7c, infinity, false},
    {&f8_e4m3fnuz, 3, 8, 0x80, NAN, true},
    {&f8_e5m2fnuz, 2, 16, 0x80, NAN, true},
};

// The value of a positive code, one past the last finite one included.
double value_of(const Format& format, int code) {
  const int steps = 1 << format.mantissa_bits;
  const int exponent = code / steps, mantissa = code % steps;
  return exponent == 0
             ? std::ldexp(mantissa, 1 - format.bias - format.mantissa_bits)
             : std::ldexp(steps + mantissa, exponent - format.bias - format.mantissa_bits);
}

// By search: the nearest positive code, the even one of two equally near.
int nearest_code(const Format& format, double magnitude) {
  if (magnitude >= value_of(format, format.finite)) return format.finite;
  int best = 0;
  for (int code = 1; code <= format.finite; ++code) {
    const double nearer = std::fabs(value_of(format, best) - magnitude) -
                          std::fabs(value_of(format, code) - magnitude);
    if (nearer > 0 || (nearer == 0 && code % 2 == 0)) best = code;
  }
  return best;
}

float decode_one(const Codec& codec, int code) {
  const std::byte byte{static_cast<uint8_t>(code)};
  float value;
  codec.decode(&byte, &value, 1);
  return value;
}

int encode_one(const Codec& codec, float value) {
  std::byte byte;
  codec.encode(&value, &byte, 1);
  return static_cast<int>(byte);
}

TEST(Float8, CodesHaveTheirValues) {
  for (const Format& format : formats) {
    for (int code = 0; code < format.finite; ++code) {
      ASSERT_EQ(decode_one(*format.codec, code), value_of(format, code)) << format.codec->name;
      if (format.fnuz && code == 0) continue;
      ASSERT_EQ(decode_one(*format.codec, code | 0x80), -value_of(format, code));
    }
    EXPECT_EQ(format.codec->max_finite, value_of(format, format.finite - 1));
    EXPECT_EQ(format.codec->min_positive, value_of(format, 1));
  }
  EXPECT_EQ(decode_one(f8_e5m2, 0x7c), infinity);
  EXPECT_EQ(decode_one(f8_e5m2, 0xfc), -infinity);
  for (const int code : {0x7d, 0x7e, 0x7f, 0xff})
    EXPECT_TRUE(std::isnan(decode_one(f8_e5m2, code)));
  EXPECT_TRUE(std::isnan(decode_one(f8_e4m3, 0x7f)));
  EXPECT_TRUE(std::isnan(decode_one(f8_e4m3fnuz, 0x80)));
  EXPECT_TRUE(std::isnan(decode_one(f8_e5m2fnuz, 0x80)));
}

TEST(Float8, RoundingIsToNearestEven) {
  std::mt19937 random(5);
  for (const Format& format : formats) {
    std::vector<float> values = {0, format.codec->max_finite, infinity, 1e-30f, 1e30f};
    for (int code = 0; code < format.finite; ++code) {
      const float tie =
          static_cast<float>((value_of(format, code) + value_of(format, code + 1)) / 2);
      values.insert(values.end(), {tie, std::nextafter(tie, 0.0f), std::nextafter(tie, infinity)});
    }
    for (int i = 0; i < 20000; ++i)
      values.push_back(std::ldexp(1.0f + static_cast<float>(random() % 8192) / 8192,
                                  static_cast<int>(random() % 48) - 28));
    for (const float value : values) {
      const int nearest = std::isinf(value) ? format.finite : nearest_code(format, value);
      const float expected =
          nearest < format.finite ? static_cast<float>(value_of(format, nearest)) : format.beyond;
      for (const float sign : {1.0f, -1.0f}) {
        const int code = encode_one(*format.codec, sign * value);
        const float decoded = decode_one(*format.codec, code);
        if (std::isnan(expected)) {
          ASSERT_TRUE(std::isnan(decoded)) << format.codec->name << " " << value;
        } else {
          ASSERT_EQ(decoded, sign * expected) << format.codec->name << " " << value;
          ASSERT_EQ(std::signbit(decoded), sign < 0 && !(format.fnuz && expected == 0));
        }
      }
    }
    EXPECT_TRUE(std::isnan(decode_one(*format.codec, encode_one(*format.codec, NAN))));
  }
}

TEST(Float8, ScalesArePowersOfTwo) {
  for (int code = 0; code < 255; ++code)
    ASSERT_EQ(decode_one(f8_e8m0, code), std::ldexp(1.0, code - 127)) << code;
  EXPECT_TRUE(std::isnan(decode_one(f8_e8m0, 255)));
}

TEST(Float8, CensusCountsCodes) {
  std::vector<std::byte> codes;
  for (int code = 0; code < 256; ++code) codes.push_back(std::byte{static_cast<uint8_t>(code)});
  for (const Codec* codec : {&f8_e4m3, &f8_e5m2, &f8_e4m3fnuz, &f8_e5m2fnuz, &f8_e8m0}) {
    uint64_t nan = 0, infinite = 0;
    int64_t first = -1;
    for (int code = 255; code >= 0; --code) {
      const float value = decode_one(*codec, code);
      nan += std::isnan(value);
      infinite += std::isinf(value);
      if (!std::isfinite(value)) first = code + 1000;
    }
    FloatCensus census;
    codec->census(codes.data(), 256, 1000, census);
    EXPECT_EQ(census.nan, nan) << codec->name;
    EXPECT_EQ(census.infinite, infinite) << codec->name;
    EXPECT_EQ(census.first_nonfinite, first) << codec->name;
  }
}

}  // namespace
}  // namespace recast::codec

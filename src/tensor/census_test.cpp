#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tensor/codec.h"
#include "tensor/each_target.h"
#include "tensor/float16.h"

namespace recast {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

const Codec half = {
    .name = "half",
    .block_bytes = 2,
    .max_finite = 65504,
    .min_positive = 0x1p-24f,
    .decode =
        [](const std::byte* source, float* destination, int64_t n) {
          for (int64_t i = 0; i < n; ++i) {
            uint16_t bits;
            std::memcpy(&bits, source + 2 * i, 2);
            destination[i] = f32_from_f16(bits);
          }
        },
    .encode =
        [](const float* source, std::byte* destination, int64_t n) {
          for (int64_t i = 0; i < n; ++i) {
            const uint16_t bits = f16_from_f32(source[i]);
            std::memcpy(destination + 2 * i, &bits, 2);
          }
        },
};
const Codec block = {.name = "block", .kind = CodecKind::block};

// What happens to one value on the way into half.
void count_one(float value, int64_t index, FloatCensus& census) {
  if (!std::isfinite(value)) {
    ++(std::isnan(value) ? census.nan : census.infinite);
    if (census.first_nonfinite < 0) census.first_nonfinite = index;
    return;
  }
  const float stored = f32_from_f16(f16_from_f32(value));
  if (std::isinf(stored)) {
    ++census.overflow;
    if (census.first_overflow < 0) census.first_overflow = index;
  }
  census.underflow += value != 0 && stored == 0;
}

void expect_equal(const FloatCensus& a, const FloatCensus& b) {
  EXPECT_EQ(a.nan, b.nan);
  EXPECT_EQ(a.infinite, b.infinite);
  EXPECT_EQ(a.overflow, b.overflow);
  EXPECT_EQ(a.underflow, b.underflow);
  EXPECT_EQ(a.first_nonfinite, b.first_nonfinite);
  EXPECT_EQ(a.first_overflow, b.first_overflow);
}

TEST(CountLosses, EqualsStoringEachValue) {
  std::mt19937 random(1);
  std::vector<float> values(100003);
  for (float& value : values) value = std::bit_cast<float>(static_cast<uint32_t>(random()));
  const float odd[] = {0.0f,     -0.0f,    65504,     65519.996f,      65520, -65520,
                       0x1p-24f, 0x1p-25f, -0x1p-25f, 0x1.000002p-25f, 1,     -infinity};
  std::copy(std::begin(odd), std::end(odd), values.begin() + 5000);
  FloatCensus expected;
  for (size_t i = 0; i < values.size(); ++i)
    count_one(values[i], 7 + static_cast<int64_t>(i), expected);
  ASSERT_GT(expected.overflow, 0u);
  ASSERT_GT(expected.nan, 0u);
  each_target([&](const char* target) {
    SCOPED_TRACE(target);
    FloatCensus census;
    count_losses(values.data(), static_cast<int64_t>(values.size()), 7, half, census);
    expect_equal(census, expected);
  });
}

TEST(CountLosses, FindsTheFirstOnesInLaterCalls) {
  std::vector<float> values(10000, 1.0f);
  values[9000] = 1e6f;
  values[9001] = infinity;
  FloatCensus census;
  count_losses(values.data(), 8000, 0, half, census);
  EXPECT_EQ(census.first_overflow, -1);
  count_losses(values.data() + 8000, 2000, 8000, half, census);
  EXPECT_EQ(census.first_overflow, 9000);
  EXPECT_EQ(census.first_nonfinite, 9001);
}

TEST(CountLosses, BlocksLoseOnlyWhatIsNotFinite) {
  const float values[] = {1e38f, 1e-45f, NAN, infinity, -infinity, 0};
  FloatCensus census;
  count_losses(values, 6, 0, block, census);
  EXPECT_EQ(census.nan, 1u);
  EXPECT_EQ(census.infinite, 2u);
  EXPECT_EQ(census.overflow, 0u);
  EXPECT_EQ(census.underflow, 0u);
  EXPECT_EQ(census.first_nonfinite, 2);
}

TEST(CountLosses, NothingIsNothing) {
  FloatCensus census;
  count_losses(nullptr, 0, 0, half, census);
  expect_equal(census, FloatCensus{});
}

}  // namespace
}  // namespace recast

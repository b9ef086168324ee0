#include "tensor/fill.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "io/hash.h"

namespace recast {
namespace {

const Codec word = {
    .name = "word",
    .block_bytes = 4,
    .decode = [](const std::byte* source, float* destination,
                 int64_t n) { std::memcpy(destination, source, static_cast<size_t>(n) * 4); },
    .encode = [](const float* source, std::byte* destination,
                 int64_t n) { std::memcpy(destination, source, static_cast<size_t>(n) * 4); },
};

std::vector<float> values_of(const Value& value, int64_t begin, int64_t end) {
  FloatCensus none;
  const Window window = value.fetch(begin, end, none);
  std::vector<float> out(static_cast<size_t>(end - begin));
  value.codec().decode(window.bytes().data(), out.data(), end - begin);
  return out;
}

TEST(Zeros, AreZeroBytesWhereTheseMeanZero) {
  const ValuePtr value = zeros({3, 4}, word);
  EXPECT_TRUE(value->is_zero());
  EXPECT_EQ(values_of(*value, 2, 9), std::vector<float>(7, 0.0f));
}

// A codec whose zero bytes mean 1.
constexpr Codec odd = {
    .name = "ODD",
    .block_bytes = 4,
    .decode =
        [](const std::byte* source, float* destination, int64_t n) {
          std::memcpy(destination, source, static_cast<size_t>(n) * 4);
          for (int64_t i = 0; i < n; ++i) destination[i] += 1;
        },
    .encode =
        [](const float* source, std::byte* destination, int64_t n) {
          for (int64_t i = 0; i < n; ++i) {
            const float stored = source[i] - 1;
            std::memcpy(destination + 4 * i, &stored, 4);
          }
        }};

TEST(Zeros, AreEncodedWhereZeroBytesMeanSomethingElse) {
  const ValuePtr value = zeros({5}, odd);
  EXPECT_FALSE(value->is_zero());
  for (const float v : values_of(*value, 1, 5)) EXPECT_EQ(v, 0);
}

TEST(Noise, DependsOnThePlaceNotOnTheRun) {
  const ValuePtr value = noise({.seed = 3, .name = "w"}, {40, 50}, word);
  const std::vector<float> whole = values_of(*value, 0, 2000);
  for (const int64_t begin : {0, 1, 7, 999, 1990})
    for (const int64_t end : {begin + 1, begin + 10})
      for (int64_t i = begin; i < end; ++i)
        EXPECT_EQ(values_of(*value, begin, end)[static_cast<size_t>(i - begin)],
                  whole[static_cast<size_t>(i)]);
}

TEST(Noise, DiffersByNameAndSeed) {
  const auto of = [](uint64_t seed, std::string_view name) {
    return values_of(*noise({.seed = seed, .name = name}, {100}, word), 0, 100);
  };
  EXPECT_EQ(of(1, "a"), of(1, "a"));
  EXPECT_NE(of(1, "a"), of(2, "a"));
  EXPECT_NE(of(1, "a"), of(1, "b"));
}

TEST(Noise, HasTheMeanAndDeviationAskedFor) {
  constexpr int64_t n = 200'000;
  const auto values =
      values_of(*noise({.name = "w", .mean = 1, .deviation = 0.25f}, {n}, word), 0, n);
  double sum = 0, squares = 0;
  for (const float v : values) {
    EXPECT_LE(std::fabs(v - 1), 3.5f * 0.25f);
    sum += v;
    squares += static_cast<double>(v) * v;
  }
  EXPECT_NEAR(sum / n, 1, 0.003);
  EXPECT_NEAR(std::sqrt(squares / n - sum / n * sum / n), 0.25, 0.003);
}

// Half of the smallest number of f16 is where it rounds to zero.
TEST(Noise, LosesNothingToZeroInHalfPrecision) {
  for (const float v :
       values_of(*noise({.name = "w", .deviation = 2e-3f}, {100'000}, word), 0, 100'000))
    EXPECT_TRUE(v == 0 || std::fabs(v) > 0x1p-25f) << v;
}

// The bytes of an output rest on these: they stay what they are on every CPU and in every version.
TEST(Noise, KeepsItsBytes) {
  FloatCensus none;
  const ValuePtr value = noise(
      {.seed = 7, .name = "model.norm.weight", .mean = 1, .deviation = 0.02f}, {4096}, word);
  EXPECT_EQ(xxh3_128(value->fetch(0, 4096, none).bytes()).hex(),
            "a953759e212d4d88af019bc8ad876071");
}

}  // namespace
}  // namespace recast

#include "quantize/difference.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

constexpr uint64_t memory = uint64_t{1} << 30;

ValuePtr values(const std::vector<float>& of, Shape shape) {
  return constant_f32(of, std::move(shape), codec::f32);
}

Difference pairs(const std::vector<float>& a, const std::vector<float>& b,
                 const std::vector<float>& weights = {}, double negligible = -1) {
  Difference sum;
  add_pairs(a.data(), b.data(), weights.empty() ? nullptr : weights.data(),
            static_cast<int64_t>(a.size()), negligible, sum);
  return sum;
}

TEST(Difference, NumbersAreThoseComputedByHand) {
  const Difference d = pairs({3, 4}, {3, 3});
  EXPECT_EQ(d.weights, 2);
  EXPECT_DOUBLE_EQ(*d.relative_rmse(), 0.2);                         // sqrt(1 / 25)
  EXPECT_DOUBLE_EQ(*d.cosine(), 21 / (5 * std::sqrt(18.0)));         // (9+12) / |a| |b|
  EXPECT_DOUBLE_EQ(*d.sqnr_db(), 13.979400086720376);                // 10 log10(25)
  EXPECT_EQ(d.largest, 1);
}

TEST(Difference, WeightsCountEachColumnAsOften) {
  const Difference d = pairs({1, 2}, {2, 2}, {4, 1});
  EXPECT_DOUBLE_EQ(*d.weighted_relative_rmse(), std::sqrt(4.0 / 8.0));
  EXPECT_DOUBLE_EQ(*d.relative_rmse(), std::sqrt(1.0 / 5.0));
}

TEST(Difference, WhatHasNoNumberIsEmpty) {
  const Difference equal = pairs({1, -2}, {1, -2}), both_zero = pairs({0, 0}, {0, 0}),
                   from_nothing = pairs({0}, {1});
  EXPECT_EQ(*equal.relative_rmse(), 0);
  EXPECT_FALSE(equal.sqnr_db());
  EXPECT_EQ(*equal.cosine(), 1);
  EXPECT_EQ(*both_zero.relative_rmse(), 0);
  EXPECT_FALSE(both_zero.cosine());
  EXPECT_FALSE(from_nothing.relative_rmse());
}

TEST(Difference, NonFiniteValuesAreCountedAndLeftOut) {
  const Difference d = pairs({NAN, 1, 2, INFINITY}, {1, NAN, 3, INFINITY});
  EXPECT_EQ(d.nonfinite, 2);
  EXPECT_EQ(d.lost, 1);
  EXPECT_EQ(d.weights, 1);
  EXPECT_DOUBLE_EQ(*d.relative_rmse(), 0.5);
}

TEST(Difference, WhatIsNegligibleIsNoError) {
  EXPECT_EQ(*pairs({1, 2}, {1.25f, 2}, {}, 0.25).relative_rmse(), 0);
  EXPECT_GT(*pairs({1, 2}, {1.25f, 2}, {}, 0.2).relative_rmse(), 0);
}

TEST(Differences, EachMatrixOfAStackHasItsOwnImportance) {
  const std::vector<float> of_columns{1, 0, 0, 2};
  const auto importance = std::make_shared<const std::vector<float>>(of_columns);
  // Column 0 counts in the first matrix, column 1 in the second: 1*1 + 1*9 + 2*4 + 2*16 = 50.
  const auto found = differences({{values({0, 0, 0, 0, 0, 0, 0, 0}, {2, 2, 2}),
                                   values({1, 2, 3, 4, 1, 2, 3, 4}, {2, 2, 2}), importance}},
                                 {});
  EXPECT_DOUBLE_EQ(found[0].weighted_error, 1 + 9 + 2 * 4 + 2 * 16);
  EXPECT_DOUBLE_EQ(found[0].error, 2 * (1 + 4 + 9 + 16));
}

TEST(Differences, ThreadsAndMemoryChangeNoBit) {
  std::vector<float> a(5'000'000), b(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<float>(std::sin(0.001 * static_cast<double>(i)));
    b[i] = a[i] + 1e-3f * static_cast<float>(i % 7);
  }
  const auto rows = static_cast<int64_t>(a.size()) / 1000;
  const std::vector<Comparand> comparands = {
      {values(a, {rows, 1000}), values(b, {rows, 1000}), nullptr},
      {values(b, {static_cast<int64_t>(a.size())}), values(a, {static_cast<int64_t>(a.size())}),
       nullptr}};
  const auto first = differences(comparands, {});
  EXPECT_EQ(first[0].weights, 5'000'000);
  for (const auto& [threads, limit] : {std::pair{2, memory}, {7, memory}, {3, uint64_t{1}}}) {
    const auto again = differences(comparands, {.threads = threads, .memory = limit});
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(again[i].error, first[i].error);
      EXPECT_EQ(again[i].size, first[i].size);
      EXPECT_EQ(again[i].product, first[i].product);
    }
  }
}

TEST(Differences, StopWhenAsked) {
  const std::vector<Comparand> comparands(3, {values({1}, {1}), values({1}, {1}), nullptr});
  std::stop_source stop;
  stop.request_stop();
  try {
    differences(comparands, {.stop = stop.get_token()});
    FAIL() << "not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, &codes::stopped);
  }
}

}  // namespace
}  // namespace recast

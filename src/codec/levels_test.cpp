// Effort::aggressive and Effort::fast of every block type.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

#include "codec/codecs.h"
#include "tensor/each_target.h"
#include "tensor/float16.h"

namespace recast::codec {
namespace {

constexpr int64_t row = 1024;

using Bytes = std::vector<std::byte>;

constexpr std::string_view distributions[] = {"gauss", "laplace", "uniform", "tiny", "constant"};

// n values: Gaussian with a scale a row and outliers; Laplace; uniform; from subnormals to the
// largest; runs of 32 that are zero, constant, of two values, or zero but for some.
std::vector<float> make_weights(std::string_view distribution, int64_t n) {
  std::mt19937_64 random(distribution.size());
  std::normal_distribution<float> gauss;
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> x(static_cast<size_t>(n));
  float of_row = 1, of_run = 0;
  int exponent = 0, kind = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (i % row == 0) of_row = std::exp2(4 * uniform(random) - 6);
    if (i % 32 == 0) {
      of_run = uniform(random);
      kind = static_cast<int>(random() % 4);
      exponent = kind == 0 ? 127 : -100 - static_cast<int>(random() % 50);
    }
    const float u = uniform(random);
    if (distribution == "gauss") x[i] = gauss(random) * of_row * (random() % 997 ? 1.0f : 20.0f);
    if (distribution == "laplace") x[i] = std::copysign(std::log1p(-std::fabs(u)), u);
    if (distribution == "uniform") x[i] = u;
    if (distribution == "tiny") x[i] = std::ldexp(u, exponent);
    if (distribution != "constant") continue;
    const float values[] = {0, of_run, std::copysign(of_run, u), u > 0.9f ? of_run : -0.0f};
    x[i] = values[kind];
  }
  return x;
}

// Importance of the columns of a row: 256 of a log-normal, 256 with zeros here and there, 256 with
// runs of zeros, 256 from 1e-6 to 1e6.
std::vector<float> make_importance() {
  std::mt19937_64 random(7);
  std::normal_distribution<float> gauss;
  std::vector<float> importance(row);
  for (size_t i = 0; i < row; ++i) {
    importance[i] = std::exp(gauss(random));
    if (i / 256 == 1 && random() % 10 < 3) importance[i] = 0;
    if (i / 256 == 2 && i / 16 % 5 < 2) importance[i] = 0;
    if (i / 256 == 3) importance[i] = std::pow(10.0f, static_cast<float>(random() % 13) - 6);
  }
  return importance;
}

std::vector<const Codec*> block_types() {
  std::vector<const Codec*> types;
  for (const Codec* codec : all())
    if (codec->kind == CodecKind::block && (codec->encode || codec->encode_weighted))
      types.push_back(codec);
  return types;
}

Bytes balanced(const Codec& codec, const std::vector<float>& x, const float* importance) {
  const int64_t n = static_cast<int64_t>(x.size());
  const std::vector<float> ones(row, 1.0f);
  Bytes bytes(codec.bytes(n));
  if (importance ? codec.encode_weighted != nullptr : codec.encode == nullptr)
    codec.encode_weighted(x.data(), importance ? importance : ones.data(), bytes.data(), n / row,
                          row);
  else
    codec.encode(x.data(), bytes.data(), n);
  return bytes;
}

Bytes best(const Codec& codec, const std::vector<float>& x, const float* importance) {
  Bytes bytes(codec.bytes(static_cast<int64_t>(x.size())));
  codec.encode_best(x.data(), importance, bytes.data(), static_cast<int64_t>(x.size()) / row, row);
  return bytes;
}

// Weighted squared error of each block.
std::vector<double> errors(const Codec& codec, const std::vector<float>& x, const Bytes& bytes,
                           const float* importance) {
  const int64_t n = static_cast<int64_t>(x.size());
  std::vector<float> decoded(x.size());
  codec.decode(bytes.data(), decoded.data(), n);
  std::vector<double> sums(static_cast<size_t>(n / codec.block_elements));
  for (int64_t i = 0; i < n; ++i) {
    const double weight = importance ? importance[i % row] : 1;
    const double e = double{x[static_cast<size_t>(i)]} - decoded[static_cast<size_t>(i)];
    if (weight != 0) sums[static_cast<size_t>(i / codec.block_elements)] += weight * e * e;
  }
  return sums;
}

double total(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

TEST(Levels, EveryBlockTypeHasAnAggressiveSearch) {
  EXPECT_GE(block_types().size(), 25u);
  for (const Codec* codec : block_types()) EXPECT_TRUE(codec->encode_best) << codec->name;
}

TEST(Levels, BestIsNeverWorseInAnyBlockAndBetterInAll) {
  const std::vector<float> importance = make_importance();
  const float* const all_weights[] = {nullptr, importance.data()};
  for (const std::string_view distribution : distributions) {
    const std::vector<float> x = make_weights(distribution, 16 * row);
    for (const Codec* codec : block_types())
      for (const float* weights : all_weights) {
        const std::vector<double> before = errors(*codec, x, balanced(*codec, x, weights), weights);
        const std::vector<double> after = errors(*codec, x, best(*codec, x, weights), weights);
        for (size_t b = 0; b < before.size(); ++b)
          ASSERT_FALSE(after[b] > before[b])
              << codec->name << " " << distribution << (weights ? " weighted " : " ") << b;
        if (distribution == "constant" || distribution == "tiny") continue;
        // Q1_0 has its optimum already where all columns count alike.
        const double share = codec == &q1_0 && !weights ? 1 : 0.99;
        EXPECT_LE(total(after), share * total(before)) << codec->name << " " << distribution;
      }
  }
}

TEST(Levels, BestIsTheSameOnEveryTargetAndForEverySplit) {
  std::vector<float> x = make_weights("gauss", 5 * row);
  const std::vector<float> tiny = make_weights("tiny", 2 * row);
  const std::vector<float> constant = make_weights("constant", 2 * row);
  x.insert(x.end(), tiny.begin(), tiny.end());
  x.insert(x.end(), constant.begin(), constant.end());
  const std::vector<float> importance = make_importance();
  for (const Codec* codec : block_types()) {
    const Bytes expected = best(*codec, x, importance.data());
    each_target([&](const char* target) {
      EXPECT_TRUE(best(*codec, x, importance.data()) == expected) << codec->name << " " << target;
      if (!codec->encode_fast) return;
      Bytes fast(expected.size()), again(expected.size());
      codec->encode_fast(x.data(), fast.data(), static_cast<int64_t>(x.size()));
      const HeldTarget plain(HWY_SCALAR);
      codec->encode_fast(x.data(), again.data(), static_cast<int64_t>(x.size()));
      EXPECT_TRUE(fast == again) << codec->name << " fast " << target;
    });
    Bytes rows;
    for (size_t at = 0; at < x.size(); at += row) {
      const std::vector<float> one(x.begin() + static_cast<int64_t>(at),
                                   x.begin() + static_cast<int64_t>(at) + row);
      const Bytes bytes = best(*codec, one, importance.data());
      rows.insert(rows.end(), bytes.begin(), bytes.end());
    }
    EXPECT_TRUE(rows == expected) << codec->name;
  }
}

TEST(Levels, FastStaysWithinAFactorOfBalanced) {
  for (const std::string_view distribution : {"gauss", "laplace", "uniform"}) {
    const std::vector<float> x = make_weights(distribution, 16 * row);
    for (const Codec* codec : block_types()) {
      if (!codec->encode_fast) continue;
      Bytes bytes(codec->bytes(static_cast<int64_t>(x.size())));
      codec->encode_fast(x.data(), bytes.data(), static_cast<int64_t>(x.size()));
      const double fast = total(errors(*codec, x, bytes, nullptr));
      const double usual = total(errors(*codec, x, balanced(*codec, x, nullptr), nullptr));
      EXPECT_LT(fast, 3 * usual) << codec->name << " " << distribution;
      EXPECT_GT(fast, 0) << codec->name;
    }
  }
}

// Blocks at which searches divide by nothing.
std::vector<std::vector<float>> odd_blocks() {
  std::vector<std::vector<float>> blocks(7, std::vector<float>(row, 0.0f));
  std::fill(blocks[1].begin(), blocks[1].end(), 0.37f);
  std::fill(blocks[2].begin(), blocks[2].end(), -5.0e-41f);
  for (size_t i = 77; i < row; i += 256) blocks[3][i] = -3.5f;
  for (size_t i = 0; i < row; ++i) {
    blocks[4][i] = i % 3 ? 1.0e-39f * static_cast<float>(i % 7) : -1.0e-38f;
    blocks[5][i] = i % 2 ? 3.0e38f : -2.9e38f;
    blocks[6][i] = i % 32 < 16 ? 0.0f : static_cast<float>(i % 5) - 2;
  }
  return blocks;
}

TEST(Levels, OddBlocksStayFiniteAndNoWorse) {
  std::vector<float> nothing(row, 0.0f), few(row, 0.0f), wide(row, 1.0f);
  for (size_t i = 0; i < row; ++i) {
    few[i] = i % 16 == 5 ? 1.0f : 0.0f;
    wide[i] = std::ldexp(1.0f, static_cast<int>(i * 37 % 200) - 100);
  }
  for (const std::vector<float>& x : odd_blocks())
    for (const Codec* codec : block_types()) {
      const float* const all_weights[] = {nullptr, nothing.data(), few.data(), wide.data()};
      for (const float* weights : all_weights) {
        const Bytes usual = balanced(*codec, x, weights), found = best(*codec, x, weights);
        const double before = total(errors(*codec, x, usual, weights));
        const double after = total(errors(*codec, x, found, weights));
        EXPECT_FALSE(after > before) << codec->name;
        EXPECT_TRUE(weights != nothing.data() || found == usual) << codec->name;
      }
      if (!codec->encode_fast) continue;
      Bytes bytes(codec->bytes(row));
      codec->encode_fast(x.data(), bytes.data(), row);
      const bool fits = std::fabs(x[1]) < 1e38f;  // else d has no f16
      EXPECT_TRUE(!fits || std::isfinite(total(errors(*codec, x, bytes, nullptr))))
          << codec->name;
    }
}

// The least error of a block of one f16 scale: all of them are tried, with the nearest levels.
double least_error(const float* x, const float* w, int64_t n, const std::vector<double>& levels) {
  double least = std::numeric_limits<double>::infinity();
  for (int half = 0; half < 0x10000; ++half) {
    const double d = f32_from_f16(static_cast<uint16_t>(half));
    if (!(std::fabs(d) < 8 && std::fabs(d) > 1e-3)) continue;
    double sum = 0;
    for (int64_t i = 0; i < n && sum < least; ++i) {
      const auto above = std::lower_bound(levels.begin(), levels.end(), x[i] / d);
      double e = std::numeric_limits<double>::infinity();
      if (above != levels.end()) e = std::fabs(*above * d - x[i]);
      if (above != levels.begin()) e = std::min(e, std::fabs(*(above - 1) * d - x[i]));
      sum += w[i] * e * e;
    }
    least = std::min(least, sum);
  }
  return least;
}

std::vector<double> whole_levels(int low, int high) {
  std::vector<double> levels;
  for (int l = low; l <= high; ++l) levels.push_back(l);
  return levels;
}

TEST(Levels, OneScaleReachesTheLeastErrorThatThereIs) {
  struct OneScale {
    const Codec* codec;
    std::vector<double> levels;
  };
  const OneScale types[] = {
      {&q4_0, whole_levels(-8, 7)},
      {&q5_0, whole_levels(-16, 15)},
      {&q8_0, whole_levels(-127, 127)},
      {&q1_0, {-1, 1}},
      {&q2_0, whole_levels(-1, 2)},
      {&tq1_0, whole_levels(-1, 1)},
      {&tq2_0, whole_levels(-1, 1)},
      {&iq4_nl, {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}}};
  std::vector<float> x = make_weights("laplace", row);
  std::vector<float> importance(row);
  for (size_t i = 0; i < row; ++i) importance[i] = std::exp(std::sin(static_cast<float>(i * i)));
  const float* const all_weights[] = {nullptr, importance.data()};
  for (const OneScale& type : types)
    for (const float* weights : all_weights) {
      const std::vector<double> found =
          errors(*type.codec, x, best(*type.codec, x, weights), weights);
      const int64_t n = type.codec->block_elements;
      const std::vector<float> ones(row, 1.0f);
      double least = 0;
      for (int64_t at = 0; at < row; at += n)
        least += least_error(x.data() + at, (weights ? weights : ones.data()) + at, n, type.levels);
      EXPECT_GE(total(found), least * (1 - 1e-6)) << type.codec->name;
      EXPECT_LE(total(found), least * 1.002) << type.codec->name << (weights ? " weighted" : "");
    }
}

}  // namespace
}  // namespace recast::codec

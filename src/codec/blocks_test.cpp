// Blocks against blocks worked out by hand, known zero blocks and known errors.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "codec/codecs.h"
#include "tensor/float16.h"

namespace recast::codec {
namespace {

using Bytes = std::vector<int>;

Bytes encode(const Codec& codec, const std::function<float(int)>& value) {
  std::array<float, 32> values;
  for (int i = 0; i < 32; ++i) values[static_cast<size_t>(i)] = value(i);
  std::vector<std::byte> bytes(codec.block_bytes);
  codec.encode(values.data(), bytes.data(), 32);
  Bytes result;
  for (const std::byte byte : bytes) result.push_back(static_cast<int>(byte));
  return result;
}

// `head`, then 16 bytes j * step + start.
Bytes with_nibbles(Bytes head, int start, int step) {
  for (int j = 0; j < 16; ++j) head.push_back(start + j * step);
  return head;
}

TEST(Blocks, CountingUpGivesCountingCodes) {
  EXPECT_EQ(encode(q4_0, [](int i) { return i % 16 - 8.0f; }), with_nibbles({0, 0x3c}, 0, 0x11));
  EXPECT_EQ(encode(q4_1, [](int i) { return i % 16 + 2.0f; }),
            with_nibbles({0, 0x3c, 0, 0x40}, 0, 0x11));
  EXPECT_EQ(encode(q5_0, [](int i) { return i - 16.0f; }),
            with_nibbles({0, 0x3c, 0, 0, 0xff, 0xff}, 0, 0x11));
  EXPECT_EQ(encode(q5_1, [](int i) { return i + 2.0f; }),
            with_nibbles({0, 0x3c, 0, 0x40, 0, 0, 0xff, 0xff}, 0, 0x11));
  Bytes counting = {0, 0x3c, 127};
  for (int i = 1; i < 32; ++i) counting.push_back(256 - i);
  EXPECT_EQ(encode(q8_0, [](int i) { return i == 0 ? 127.0f : -i; }), counting);
}

TEST(Blocks, ZeroBlocks) {
  const auto zero = [](int) { return 0.0f; };
  EXPECT_EQ(encode(q4_0, zero), with_nibbles({0, 0x80}, 0x88, 0));  // d = 0 / -8
  EXPECT_EQ(encode(q5_0, zero), with_nibbles({0, 0x80, 255, 255, 255, 255}, 0, 0));
  EXPECT_EQ(encode(q4_1, zero), Bytes(20, 0));
  EXPECT_EQ(encode(q5_1, zero), Bytes(24, 0));
  EXPECT_EQ(encode(q8_0, zero), Bytes(34, 0));
}

// Source: what llama.cpp's library writes for zeros. Runs of (byte, count).
TEST(Blocks, ZeroBlocksOfTheOtherTypes) {
  struct Zero {
    const Codec* codec;
    std::vector<std::pair<int, int>> runs;
  };
  const Zero zeros[] = {
      {&q2_k, {{0, 84}}},
      {&q3_k, {{0, 110}}},
      {&q4_k, {{0, 144}}},
      {&q5_k, {{0, 176}}},
      {&q6_k, {{0, 210}}},
      {&iq4_nl, {{0, 2}, {0x88, 16}}},
      {&iq4_xs, {{0, 1}, {0x80, 1}, {0xaa, 2}, {0, 4}, {0x88, 128}}},
      {&tq1_0, {{0x80, 48}, {0x7f, 4}, {0, 2}}},
      {&tq2_0, {{0x55, 64}, {0, 2}}},
      {&mxfp4, {{0, 17}}},
      {&nvfp4, {{0, 36}}},
      {&q1_0, {{0, 2}, {0xff, 16}}},
      {&q2_0, {{0, 2}, {0x55, 16}}},
      {&iq3_xxs, {{0, 98}}},
      {&iq3_s, {{0, 110}}},
      {&iq2_s, {{0, 82}}},
      {&iq1_m, {{0, 56}}},
  };
  for (const Zero& zero : zeros) {
    const std::vector<float> values(static_cast<size_t>(zero.codec->block_elements));
    std::vector<std::byte> bytes(zero.codec->block_bytes), expected;
    for (const auto& [byte, count] : zero.runs)
      expected.insert(expected.end(), static_cast<size_t>(count), static_cast<std::byte>(byte));
    zero.codec->encode(values.data(), bytes.data(), zero.codec->block_elements);
    EXPECT_EQ(bytes, expected) << zero.codec->name;
  }
}

float relative_error(const std::vector<float>& values, const std::vector<float>& decoded) {
  double error = 0, square = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    error += std::pow(double{values[i]} - decoded[i], 2);
    square += std::pow(double{values[i]}, 2);
  }
  return static_cast<float>(std::sqrt(error / square));
}

// Gaussian weights, against the errors of llama.cpp's own types on such weights.
TEST(Blocks, ErrorsAreThoseOfTheTypes) {
  const std::pair<const Codec*, float> errors[] = {
      {&q2_k, 0.33f},   {&q3_k, 0.17f},  {&q4_k, 0.08f},  {&q5_k, 0.041f},   {&q6_k, 0.021f},
      {&iq4_nl, 0.09f}, {&iq4_xs, 0.09f}, {&iq3_s, 0.19f}, {&iq3_xxs, 0.24f}, {&iq2_s, 0.31f},
      {&mxfp4, 0.13f},  {&nvfp4, 0.11f}};
  std::mt19937 random(5);
  std::normal_distribution<float> gauss;
  std::vector<float> values(1 << 14), decoded(values.size());
  for (float& value : values) value = gauss(random);
  const int64_t n = static_cast<int64_t>(values.size());
  for (const auto& [codec, limit] : errors) {
    std::vector<std::byte> bytes(codec->bytes(n));
    codec->encode(values.data(), bytes.data(), n);
    codec->decode(bytes.data(), decoded.data(), n);
    const float error = relative_error(values, decoded);
    EXPECT_LT(error, limit) << codec->name;
    EXPECT_GT(error, limit / 2) << codec->name;
  }
}

// llama.cpp writes what follows a zero sub-block too early and decodes it wrongly.
TEST(Blocks, Iq3SKeepsThePlacesBehindAZeroSubBlock) {
  std::mt19937 random(6);
  std::normal_distribution<float> gauss;
  std::vector<float> values(256), decoded(256);
  for (float& value : values) value = gauss(random);
  std::fill(values.begin() + 64, values.begin() + 96, 0.0f);
  std::vector<std::byte> bytes(iq3_s.block_bytes);
  iq3_s.encode(values.data(), bytes.data(), 256);
  iq3_s.decode(bytes.data(), decoded.data(), 256);
  EXPECT_LT(relative_error(values, decoded), 0.2f);
}

// A column of importance 0 may fall where it likes; one of great importance is met closely.
TEST(Blocks, ImportanceMovesTheErrorAway) {
  std::mt19937 random(8);
  std::normal_distribution<float> gauss;
  const int64_t row = 256, rows = 64;
  std::vector<float> values(static_cast<size_t>(row * rows)), importance(row, 1.0f);
  for (float& value : values) value = gauss(random);
  for (size_t i = 0; i < 256; i += 8) importance[i] = 1000;
  for (const Codec* codec : all()) {
    if (!codec->encode_weighted || !codec->encode) continue;
    const int64_t n = row * rows;
    std::vector<std::byte> bytes(codec->bytes(n));
    const auto error_of_important = [&] {
      std::vector<float> decoded(values.size());
      codec->decode(bytes.data(), decoded.data(), n);
      double sum = 0;
      for (size_t i = 0; i < values.size(); i += 8) sum += std::pow(values[i] - decoded[i], 2);
      return sum;
    };
    codec->encode(values.data(), bytes.data(), n);
    const double plain = error_of_important();
    codec->encode_weighted(values.data(), importance.data(), bytes.data(), rows, row);
    EXPECT_LT(error_of_important(), 0.9 * plain) << codec->name;
  }
}

TEST(Blocks, TheFirstOfOppositeMagnitudesGivesTheScale) {
  const Bytes up = encode(q4_0, [](int i) { return i == 3 ? 8.0f : i == 4 ? -8.0f : 0.0f; });
  EXPECT_EQ(up[1], 0xbc);  // d = 8 / -8
  const Bytes down = encode(q4_0, [](int i) { return i == 4 ? 8.0f : i == 3 ? -8.0f : 0.0f; });
  EXPECT_EQ(down[1], 0x3c);
}

TEST(Blocks, TheFirstZeroGivesTheSignOfTheMinimum) {
  EXPECT_EQ(encode(q4_1, [](int i) { return i == 9 ? -0.0f : i < 9 ? 1.0f : 0.0f; })[3], 0x80);
  EXPECT_EQ(encode(q4_1, [](int i) { return i == 9 ? 0.0f : i < 9 ? 1.0f : -0.0f; })[3], 0x00);
  const Bytes zeros = encode(q5_1, [](int i) { return i == 0 ? -0.0f : 0.0f; });
  EXPECT_EQ(zeros[1], 0x00);  // the difference of equal values is +0
  EXPECT_EQ(zeros[3], 0x80);
}

TEST(Blocks, Q8RoundsHalvesAwayFromZero) {
  const Bytes codes = encode(q8_0, [](int i) {
    const float values[] = {127, 0.5f, -0.5f, 1.5f, 2.5f, 0.49999997f};
    return i < 6 ? values[i] : 0.0f;
  });
  EXPECT_EQ(Bytes(codes.begin() + 2, codes.begin() + 8), (Bytes{127, 1, 255, 2, 3, 0}));
}

// The inverse of so small a scale is infinite: the codes are 0, not the middle.
TEST(Blocks, ScalesWithoutInverseGiveZeroCodes) {
  const auto tiny = [](int i) { return i % 2 ? 1e-40f : 0.0f; };
  EXPECT_EQ(encode(q4_0, tiny), with_nibbles({0, 0x80}, 0, 0));
  EXPECT_EQ(encode(q8_0, tiny), Bytes(34, 0));
  EXPECT_EQ(encode(q4_1, tiny), Bytes(20, 0));
}

TEST(Blocks, ARangeBeyondFloatGivesZeroCodes) {
  const Bytes bytes = encode(q4_1, [](int i) { return i % 2 ? 3e38f : -3e38f; });
  EXPECT_EQ(bytes, with_nibbles({0, 0x7c, 0, 0xfc}, 0, 0));  // d = inf, m = -inf
}

TEST(Blocks, ErrorStaysBelowOneStep) {
  for (const Codec* codec : {&q4_0, &q4_1, &q5_0, &q5_1, &q8_0}) {
    std::array<float, 32> values, decoded;
    for (size_t i = 0; i < 32; ++i) values[i] = std::sin(static_cast<float>(i * i)) + 0.25f;
    std::vector<std::byte> bytes(codec->block_bytes);
    codec->encode(values.data(), bytes.data(), 32);
    codec->decode(bytes.data(), decoded.data(), 32);
    const float d = std::fabs(f32_from_f16(
        static_cast<uint16_t>(static_cast<int>(bytes[0]) | static_cast<int>(bytes[1]) << 8)));
    ASSERT_GT(d, 0) << codec->name;
    for (size_t i = 0; i < 32; ++i)
      EXPECT_LE(std::fabs(values[i] - decoded[i]), 1.02f * d) << codec->name << " " << i;
  }
}

}  // namespace
}  // namespace recast::codec

// The 32-element blocks against blocks worked out by hand.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
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

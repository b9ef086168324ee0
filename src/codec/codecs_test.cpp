#include "codec/codecs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <vector>

#include "tensor/fill.h"

namespace recast::codec {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(Codecs, AreFoundUnderEverySpelling) {
  for (const Codec* codec : all()) EXPECT_EQ(find(codec->name), codec);
  for (const char* name : {"f16", "fp16", "FP16", "float16", "half", "Half"})
    EXPECT_EQ(find(name), &f16) << name;
  for (const char* name : {"fp32", "f32", "float32", "float"}) EXPECT_EQ(find(name), &f32) << name;
  for (const char* name : {"q4_0", "Q4_0", "q4-0"}) EXPECT_EQ(find(name), &q4_0) << name;
  for (const char* name : {"bf16", "bfloat16"}) EXPECT_EQ(find(name), &bf16) << name;
  EXPECT_EQ(find("float8_e4m3fn"), &f8_e4m3);
  EXPECT_EQ(find("f8-e8m0"), &f8_e8m0);
  EXPECT_EQ(find("bool"), &boolean);
  for (const char* name : {"", "q4", "q4_00", "f160"}) EXPECT_EQ(find(name), nullptr) << name;
}

TEST(Codecs, RowsAreComplete) {
  std::set<std::string_view> names;
  for (const Codec* codec : all()) {
    EXPECT_TRUE(names.insert(codec->name).second) << codec->name;
    EXPECT_GT(codec->block_bytes, 0u) << codec->name;
    EXPECT_GT(codec->block_elements, 0) << codec->name;
    const bool integer = codec->kind == CodecKind::integer;
    EXPECT_EQ(codec->decode == nullptr, integer) << codec->name;
    EXPECT_EQ(codec->census == nullptr, integer) << codec->name;
    const bool writable = codec->encode || codec->encode_weighted;
    EXPECT_EQ(!writable, integer || codec == &f8_e8m0) << codec->name;
    EXPECT_TRUE(!codec->encode_weighted || codec->kind == CodecKind::block) << codec->name;
    EXPECT_EQ(codec->max_finite > 0, codec->kind == CodecKind::floating) << codec->name;
  }
  EXPECT_EQ(names.size(), 47u);
}

TEST(Codecs, SizesAreThoseOfTheFormats) {
  const std::pair<const Codec*, uint64_t> sizes[] = {
      {&f64, 2048}, {&f32, 1024},    {&f16, 512},  {&bf16, 512},    {&f8_e4m3, 256}, {&q8_0, 272},
      {&q5_1, 192}, {&q5_0, 176},    {&q4_1, 160}, {&q4_0, 144},    {&c64, 2048},    {&i64, 2048},
      {&u16, 512},  {&boolean, 256}, {&f4, 128},   {&f6_e2m3, 192}, {&f6_e3m2, 192}};
  for (const auto& [codec, bytes] : sizes) EXPECT_EQ(codec->bytes(256), bytes) << codec->name;
  EXPECT_TRUE(q4_0.fits_row(96));
  EXPECT_FALSE(q4_0.fits_row(33));
}

// The limits of a floating row are the values that its own codec can reach.
TEST(Codecs, LimitsAreStoredExactlyAndNothingLiesBeyond) {
  for (const Codec* codec : all()) {
    if (codec->kind != CodecKind::floating || !codec->encode) continue;
    const float values[] = {codec->max_finite, -codec->max_finite, codec->min_positive,
                            codec->min_positive / 2, codec->max_finite * 2};
    std::vector<std::byte> bytes(codec->bytes(5));
    float decoded[5];
    codec->encode(values, bytes.data(), 5);
    codec->decode(bytes.data(), decoded, 5);
    EXPECT_EQ(decoded[0], values[0]) << codec->name;
    EXPECT_EQ(decoded[1], values[1]) << codec->name;
    EXPECT_EQ(decoded[2], values[2]) << codec->name;
    EXPECT_EQ(decoded[3], 0) << codec->name;
    if (codec == &f8_e4m3)
      EXPECT_EQ(decoded[4], codec->max_finite);
    else
      EXPECT_FALSE(std::isfinite(decoded[4])) << codec->name;
  }
}

// Half way to the value that is not there is an overflow where the largest mantissa is odd.
TEST(Codecs, LossesBeginWhereRoundingLeavesTheType) {
  struct Edge {
    const Codec* codec;
    float last;  // does not overflow, the next float does
  };
  const Edge edges[] = {
      {&f16, 65519.996f},      {&bf16, 0x1.fefffep127f},   {&f8_e4m3, 464},
      {&f8_e5m2, 61439.996f},  {&f8_e4m3fnuz, 247.99998f}, {&f8_e5m2fnuz, 61439.996f},
      {&f32, 0x1.fffffep127f}, {&f64, 0x1.fffffep127f}};
  for (const Edge& edge : edges) {
    const float half = edge.codec->min_positive / 2;  // stored as zero
    const float values[] = {edge.last, std::nextafter(edge.last, infinity), half,
                            std::nextafter(half, infinity)};
    FloatCensus census;
    count_losses(values, 4, 0, *edge.codec, census);
    const bool narrow = edge.codec != &f32 && edge.codec != &f64;
    EXPECT_EQ(census.overflow, narrow ? 1u : 0u) << edge.codec->name;
    EXPECT_EQ(census.first_overflow, narrow ? 1 : -1) << edge.codec->name;
    EXPECT_EQ(census.infinite, narrow ? 0u : 1u) << edge.codec->name;
    EXPECT_EQ(census.underflow, narrow ? 1u : 0u) << edge.codec->name;
  }
}

TEST(Codecs, CensusFindsWhatDecodesToNanOrInfinity) {
  for (const Codec* codec : {&f64, &f32, &f16, &bf16}) {
    const int64_t n = 10007;
    std::vector<float> values(n, 0.5f);
    values[0] = codec->max_finite;
    values[5000] = -infinity;
    values[9000] = NAN;
    values[9001] = infinity;
    std::vector<std::byte> bytes(codec->bytes(n) + 1);
    codec->encode(values.data(), bytes.data() + 1, n);
    FloatCensus census;
    codec->census(bytes.data() + 1, n, 100, census);
    EXPECT_EQ(census.nan, 1u) << codec->name;
    EXPECT_EQ(census.infinite, 2u) << codec->name;
    EXPECT_EQ(census.first_nonfinite, 5100) << codec->name;
    EXPECT_EQ(census.overflow + census.underflow, 0u) << codec->name;
  }
}

TEST(Codecs, CensusOfBlocksLooksAtScales) {
  for (const Codec* codec : {&q4_0, &q4_1, &q5_0, &q5_1, &q8_0}) {
    const std::vector<float> values(32 * 10, 1.0f);
    std::vector<std::byte> bytes(codec->bytes(320), std::byte{0xff});
    codec->encode(values.data(), bytes.data(), 320);
    const uint16_t nan = 0x7e01, infinite = 0xfc00;
    std::memcpy(&bytes[3 * codec->block_bytes], &infinite, 2);
    std::memcpy(&bytes[7 * codec->block_bytes], &nan, 2);
    const bool with_minimum = codec == &q4_1 || codec == &q5_1;
    if (with_minimum) std::memcpy(&bytes[8 * codec->block_bytes + 2], &infinite, 2);
    FloatCensus census;
    codec->census(bytes.data(), 320, 0, census);
    EXPECT_EQ(census.nan, 1u) << codec->name;
    EXPECT_EQ(census.infinite, with_minimum ? 2u : 1u) << codec->name;
    EXPECT_EQ(census.first_nonfinite, 96) << codec->name;
  }
}

// Where the f16 scales of the larger blocks lie. Source: the layouts of ggml.
TEST(Codecs, CensusOfLargeBlocksLooksAtScales) {
  const std::pair<const Codec*, std::vector<uint64_t>> scales[] = {
      {&q2_k, {80, 82}}, {&q3_k, {108}}, {&q4_k, {0, 2}},  {&q5_k, {0, 2}}, {&q6_k, {208}},
      {&iq4_nl, {0}},    {&iq4_xs, {0}}, {&tq1_0, {52}},   {&tq2_0, {64}},  {&q1_0, {0}},
      {&q2_0, {0}},      {&iq3_s, {0}},  {&iq3_xxs, {0}},  {&iq2_s, {0}},   {&iq2_xs, {0}},
      {&iq2_xxs, {0}},   {&iq1_s, {0}}};
  for (const auto& [codec, offsets] : scales)
    for (const uint64_t offset : offsets) {
      const int64_t n = 5 * codec->block_elements;
      std::vector<std::byte> bytes(codec->bytes(n));
      const uint16_t infinite = 0xfc00, nan = 0x7e01;
      std::memcpy(&bytes[codec->block_bytes + offset], &infinite, 2);
      std::memcpy(&bytes[3 * codec->block_bytes + offset], &nan, 2);
      FloatCensus census;
      codec->census(bytes.data(), n, 0, census);
      EXPECT_EQ(census.nan, 1u) << codec->name;
      EXPECT_EQ(census.infinite, 1u) << codec->name;
      EXPECT_EQ(census.first_nonfinite, codec->block_elements) << codec->name;
    }
}

// The scale of IQ1_M lies in four nibbles, that of MXFP4 is a power of two.
TEST(Codecs, CensusOfScatteredAndExponentScales) {
  std::vector<std::byte> bytes(iq1_m.block_bytes);
  bytes[49] = bytes[51] = std::byte{0};
  bytes[53] = std::byte{0xc0};
  bytes[55] = std::byte{0xf0};  // nibbles 0, 0, c, f: 0xfc00
  FloatCensus census;
  iq1_m.census(bytes.data(), 256, 0, census);
  EXPECT_EQ(census.infinite, 1u);
  std::vector<std::byte> block(mxfp4.block_bytes);
  block[0] = std::byte{255};
  block[1] = std::byte{0x21};  // 2^127 is finite, 2 * 2^127 is not
  census = {};
  mxfp4.census(block.data(), 32, 0, census);
  EXPECT_EQ(census.infinite, 1u);
  EXPECT_EQ(census.first_nonfinite, 16);
}

TEST(Codecs, F64RoundsOnce) {
  const double value = 1.0 + 0x1p-24 + 0x1p-50;  // just above the tie
  std::byte bytes[8];
  std::memcpy(bytes, &value, 8);
  float decoded;
  f64.decode(bytes, &decoded, 1);
  EXPECT_EQ(decoded, 1.0f + 0x1p-23f);
}

// What makes the file of a fake model a hole.
TEST(Codecs, ZeroBytesMeanZeroInEveryTypeThatIsWritten) {
  for (const Codec* codec : codec::all()) {
    if (!codec->encode) continue;
    EXPECT_TRUE(zeros({3, codec->block_elements}, *codec)->is_zero()) << codec->name;
  }
}

}  // namespace
}  // namespace recast::codec

// Every kernel against its definition on every instruction set of this CPU.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "codec/codecs.h"
#include "codec/scalar.h"
#include "tensor/each_target.h"

namespace recast::codec {
namespace {

struct Definition {
  const Codec* codec;
  void (*decode)(const std::byte*, float*, int64_t);
  void (*encode)(const float*, std::byte*, int64_t);
};
const Definition definitions[] = {
    {&f16, scalar::decode_f16, scalar::encode_f16},
    {&bf16, scalar::decode_bf16, scalar::encode_bf16},
    {&q4_0, scalar::decode_q4_0, scalar::encode_q4_0},
    {&q4_1, scalar::decode_q4_1, scalar::encode_q4_1},
    {&q5_0, scalar::decode_q5_0, scalar::encode_q5_0},
    {&q5_1, scalar::decode_q5_1, scalar::encode_q5_1},
    {&q8_0, scalar::decode_q8_0, scalar::encode_q8_0},
};

// Finite values of every sort: in turn blocks of random bits, of values near each other, of few
// different values (ties of magnitude, zeros of both signs), subnormals, and the largest floats.
std::vector<float> odd_values(int64_t n) {
  std::mt19937_64 random(7);
  std::vector<float> values(static_cast<size_t>(n));
  const float few[] = {0.0f, -0.0f, 1.5f, -1.5f, 0.25f};
  uint32_t few_count = 1, first_few = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % 32 == 0) {
      first_few = static_cast<uint32_t>(random() % 4);
      few_count = 1 + static_cast<uint32_t>(random() % (5 - first_few));
    }
    const uint32_t bits = static_cast<uint32_t>(random());
    const float unit = static_cast<float>(static_cast<int32_t>(bits)) * 0x1p-31f;
    switch (i / 32 % 5) {
      case 0: {
        const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
        values[i] = std::bit_cast<float>(finite ? bits : bits & 0x807fffffu);
        break;
      }
      case 1:
        values[i] = unit;
        break;
      case 2:
        values[i] = few[first_few + bits % few_count];
        break;
      case 3:
        values[i] = std::ldexp(unit, -120 - static_cast<int>(i / 160 % 29));
        break;
      default:
        values[i] = unit * 0x1.fffffep127f;
    }
    if (!std::isfinite(values[i])) values[i] = 1;
  }
  return values;
}

TEST(Kernels, EncodeAsDefinedOnEveryTarget) {
  const int64_t n = 1 << 20;
  const std::vector<float> values = odd_values(n);
  for (const Definition& definition : definitions) {
    std::vector<std::byte> expected(definition.codec->bytes(n)), bytes(expected.size());
    definition.encode(values.data(), expected.data(), n);
    each_target([&](const char* target) {
      std::fill(bytes.begin(), bytes.end(), std::byte{0xaa});
      definition.codec->encode(values.data(), bytes.data(), n);
      EXPECT_TRUE(bytes == expected) << definition.codec->name << " on " << target;
    });
  }
}

TEST(Kernels, DecodeAsDefinedOnEveryTarget) {
  const int64_t n = 1 << 18;
  std::mt19937 random(3);
  for (const Definition& definition : definitions) {
    std::vector<std::byte> bytes(definition.codec->bytes(n));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    std::vector<float> expected(n), values(n);
    definition.decode(bytes.data(), expected.data(), n);
    each_target([&](const char* target) {
      definition.codec->decode(bytes.data(), values.data(), n);
      EXPECT_EQ(std::memcmp(values.data(), expected.data(), n * sizeof(float)), 0)
          << definition.codec->name << " on " << target;
    });
  }
}

TEST(Kernels, DecodeEveryHalfOnEveryTarget) {
  const int64_t n = 1 << 16;
  std::vector<std::byte> halves(2 * n);
  for (uint32_t i = 0; i < n; ++i) std::memcpy(&halves[2 * i], &i, 2);
  std::vector<float> expected(n), values(n);
  for (const Definition& definition : {definitions[0], definitions[1]}) {
    definition.decode(halves.data(), expected.data(), n);
    each_target([&](const char* target) {
      definition.codec->decode(halves.data(), values.data(), n);
      EXPECT_EQ(std::memcmp(values.data(), expected.data(), n * sizeof(float)), 0)
          << definition.codec->name << " on " << target;
    });
  }
}

// All 2^32 patterns are compared by the slow test; here every 257th, NaN and infinities included.
TEST(Kernels, EncodeHalvesFromAnyBitsOnEveryTarget) {
  const int64_t n = (int64_t{1} << 32) / 257;
  std::vector<float> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::bit_cast<float>(static_cast<uint32_t>(i * 257));
  std::vector<std::byte> expected(2 * values.size()), bytes(expected.size());
  for (const Definition& definition : {definitions[0], definitions[1]}) {
    definition.encode(values.data(), expected.data(), n);
    each_target([&](const char* target) {
      definition.codec->encode(values.data(), bytes.data(), n);
      EXPECT_TRUE(bytes == expected) << definition.codec->name << " on " << target;
    });
  }
}

// Lengths around vectors and batches, at odd addresses, writing nothing beyond the end.
TEST(Kernels, ShortRunsAtOddAddresses) {
  const std::vector<float> values = odd_values(32 * 40);
  for (const Definition& definition : definitions)
    for (int64_t count = 0; count <= 40; ++count) {
      const Codec& codec = *definition.codec;
      const int64_t n = count * codec.block_elements;
      const size_t size = codec.bytes(n);
      std::vector<std::byte> expected(size), bytes(size + 2, std::byte{0x5a});
      std::vector<float> wanted(static_cast<size_t>(n) + 1), decoded(wanted.size(), 99.0f);
      definition.encode(values.data(), expected.data(), n);
      definition.decode(expected.data(), wanted.data(), n);
      each_target([&](const char* target) {
        codec.encode(values.data(), bytes.data() + 1, n);
        codec.decode(bytes.data() + 1, decoded.data(), n);
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(), bytes.begin() + 1) &&
                    bytes.front() == std::byte{0x5a} && bytes.back() == std::byte{0x5a})
            << codec.name << " on " << target << ", " << count;
        EXPECT_TRUE(std::memcmp(wanted.data(), decoded.data(), static_cast<size_t>(n) * 4) == 0 &&
                    decoded.back() == 99.0f)
            << codec.name << " on " << target << ", " << count;
      });
    }
}

// Callers refuse or replace NaN and infinities first; a kernel that meets them all the same
// returns.
TEST(Kernels, SurviveValuesThatAreNotFinite) {
  std::vector<float> values(32 * 17, 1.0f);
  for (size_t i = 0; i < values.size(); i += 3)
    values[i] = i % 2 ? NAN : -std::numeric_limits<float>::infinity();
  std::vector<float> decoded(values.size());
  for (const Definition& definition : definitions) {
    std::vector<std::byte> bytes(definition.codec->bytes(static_cast<int64_t>(values.size())));
    each_target([&](const char*) {
      definition.codec->encode(values.data(), bytes.data(), static_cast<int64_t>(values.size()));
      definition.codec->decode(bytes.data(), decoded.data(), static_cast<int64_t>(decoded.size()));
      FloatCensus census;
      definition.codec->census(bytes.data(), static_cast<int64_t>(values.size()), 0, census);
      EXPECT_GT(census.nan + census.infinite, 0u) << definition.codec->name;
    });
  }
}

}  // namespace
}  // namespace recast::codec

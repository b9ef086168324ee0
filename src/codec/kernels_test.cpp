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
  void (*encode)(const float*, std::byte*, int64_t);  // null: only with importance
  void (*encode_weighted)(const float*, const float*, std::byte*, int64_t, int64_t) = nullptr;
};
const Definition definitions[] = {
    {&f16, scalar::decode_f16, scalar::encode_f16},
    {&bf16, scalar::decode_bf16, scalar::encode_bf16},
    {&q4_0, scalar::decode_q4_0, scalar::encode_q4_0, scalar::encode_weighted_q4_0},
    {&q4_1, scalar::decode_q4_1, scalar::encode_q4_1, scalar::encode_weighted_q4_1},
    {&q5_0, scalar::decode_q5_0, scalar::encode_q5_0, scalar::encode_weighted_q5_0},
    {&q5_1, scalar::decode_q5_1, scalar::encode_q5_1, scalar::encode_weighted_q5_1},
    {&q8_0, scalar::decode_q8_0, scalar::encode_q8_0},
    {&q2_k, scalar::decode_q2_k, scalar::encode_q2_k, scalar::encode_weighted_q2_k},
    {&q3_k, scalar::decode_q3_k, scalar::encode_q3_k, scalar::encode_weighted_q3_k},
    {&q4_k, scalar::decode_q4_k, scalar::encode_q4_k, scalar::encode_weighted_q4_k},
    {&q5_k, scalar::decode_q5_k, scalar::encode_q5_k, scalar::encode_weighted_q5_k},
    {&q6_k, scalar::decode_q6_k, scalar::encode_q6_k, scalar::encode_weighted_q6_k},
    {&iq4_nl, scalar::decode_iq4_nl, scalar::encode_iq4_nl, scalar::encode_weighted_iq4_nl},
    {&iq4_xs, scalar::decode_iq4_xs, scalar::encode_iq4_xs, scalar::encode_weighted_iq4_xs},
    {&iq3_xxs, scalar::decode_iq3_xxs, scalar::encode_iq3_xxs, scalar::encode_weighted_iq3_xxs},
    {&iq3_s, scalar::decode_iq3_s, scalar::encode_iq3_s, scalar::encode_weighted_iq3_s},
    {&iq2_s, scalar::decode_iq2_s, scalar::encode_iq2_s, scalar::encode_weighted_iq2_s},
    {&iq1_m, scalar::decode_iq1_m, scalar::encode_iq1_m, scalar::encode_weighted_iq1_m},
    {&iq2_xxs, scalar::decode_iq2_xxs, nullptr, scalar::encode_weighted_iq2_xxs},
    {&iq2_xs, scalar::decode_iq2_xs, nullptr, scalar::encode_weighted_iq2_xs},
    {&iq1_s, scalar::decode_iq1_s, nullptr, scalar::encode_weighted_iq1_s},
    {&tq1_0, scalar::decode_tq1_0, scalar::encode_tq1_0},
    {&tq2_0, scalar::decode_tq2_0, scalar::encode_tq2_0},
    {&mxfp4, scalar::decode_mxfp4, scalar::encode_mxfp4},
    {&nvfp4, scalar::decode_nvfp4, scalar::encode_nvfp4},
    {&q1_0, scalar::decode_q1_0, scalar::encode_q1_0},
    {&q2_0, scalar::decode_q2_0, scalar::encode_q2_0},
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
  const std::vector<float> values = odd_values(1 << 20);
  for (const Definition& definition : definitions) {
    if (!definition.encode) continue;
    const int64_t n = definition.encode_weighted ? 1 << 17 : 1 << 20;  // a search takes longer
    std::vector<std::byte> expected(definition.codec->bytes(n)), bytes(expected.size());
    definition.encode(values.data(), expected.data(), n);
    each_target([&](const char* target) {
      std::fill(bytes.begin(), bytes.end(), std::byte{0xaa});
      definition.codec->encode(values.data(), bytes.data(), n);
      EXPECT_TRUE(bytes == expected) << definition.codec->name << " on " << target;
    });
  }
}

// Importance with zeros, runs of zeros, and of every size.
std::vector<float> odd_importance(int64_t row) {
  std::mt19937_64 random(11);
  std::vector<float> importance(static_cast<size_t>(row));
  for (size_t i = 0; i < importance.size(); ++i) {
    const int exponent = static_cast<int>(random() % 40) - 20;
    importance[i] = std::ldexp(1 + static_cast<float>(random() % 1000) / 1000, exponent);
    if (i / 256 % 3 == 1 && random() % 3 == 0) importance[i] = 0;
    if (i / 256 % 3 == 2 && i / 16 % 4 == 1) importance[i] = 0;
  }
  return importance;
}

TEST(Kernels, EncodeWithImportanceAsDefinedOnEveryTarget) {
  const int64_t row = 1280, rows = 101, n = rows * row;
  const std::vector<float> values = odd_values(n), importance = odd_importance(row);
  for (const Definition& definition : definitions) {
    const Codec& codec = *definition.codec;
    EXPECT_EQ(codec.encode_weighted == nullptr, definition.encode_weighted == nullptr);
    if (!codec.encode_weighted) continue;
    std::vector<std::byte> expected(codec.bytes(n)), bytes(expected.size());
    definition.encode_weighted(values.data(), importance.data(), expected.data(), rows, row);
    each_target([&](const char* target) {
      std::fill(bytes.begin(), bytes.end(), std::byte{0xaa});
      codec.encode_weighted(values.data(), importance.data(), bytes.data(), rows, row);
      EXPECT_TRUE(bytes == expected) << codec.name << " on " << target;
    });
  }
}

// Calls encode, or with importance where there is nothing else.
void encode_somehow(const Definition& definition, bool as_defined, const float* values,
                    std::byte* bytes, int64_t n) {
  const Codec& codec = *definition.codec;
  if (definition.encode) return (as_defined ? definition.encode : codec.encode)(values, bytes, n);
  static const std::vector<float> importance = odd_importance(256);
  const auto encode = as_defined ? definition.encode_weighted : codec.encode_weighted;
  encode(values, importance.data(), bytes, n / 256, 256);
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
  const std::vector<float> values = odd_values(256 * 40);
  for (const Definition& definition : definitions)
    for (int64_t count = 0; count <= 40; ++count) {
      const Codec& codec = *definition.codec;
      const int64_t n = count * codec.block_elements;
      const size_t size = codec.bytes(n);
      std::vector<std::byte> expected(size), bytes(size + 2, std::byte{0x5a});
      std::vector<float> wanted(static_cast<size_t>(n) + 1), decoded(wanted.size(), 99.0f);
      encode_somehow(definition, true, values.data(), expected.data(), n);
      definition.decode(expected.data(), wanted.data(), n);
      each_target([&](const char* target) {
        encode_somehow(definition, false, values.data(), bytes.data() + 1, n);
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
// returns. Where no search passes over them the stored scales show them.
TEST(Kernels, SurviveValuesThatAreNotFinite) {
  std::vector<float> values(256 * 17, 1.0f);
  for (size_t i = 0; i < values.size(); i += 3)
    values[i] = i % 2 ? NAN : -std::numeric_limits<float>::infinity();
  std::vector<float> decoded(values.size());
  for (const Definition& definition : definitions) {
    std::vector<std::byte> bytes(definition.codec->bytes(static_cast<int64_t>(values.size())));
    each_target([&](const char*) {
      encode_somehow(definition, false, values.data(), bytes.data(),
                     static_cast<int64_t>(values.size()));
      definition.codec->decode(bytes.data(), decoded.data(), static_cast<int64_t>(decoded.size()));
      FloatCensus census;
      definition.codec->census(bytes.data(), static_cast<int64_t>(values.size()), 0, census);
      const Codec* codec = definition.codec;
      const bool shows = codec == &f16 || codec == &bf16 || codec == &q4_0 || codec == &q4_1 ||
                         codec == &q5_0 || codec == &q5_1 || codec == &q8_0;
      EXPECT_TRUE(!shows || census.nan + census.infinite > 0) << codec->name;
    });
  }
}

}  // namespace
}  // namespace recast::codec

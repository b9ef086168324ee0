#include "tensor/weighted_cast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "codec/codecs.h"

namespace recast {
namespace {

std::vector<float> wave(int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)) *
                                   (1 + static_cast<double>(i % 7)));
  return values;
}

ImportanceValues ramp(int64_t n, float step) {
  std::vector<float> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.01F + step * static_cast<float>(i % 41);
  return std::make_shared<const std::vector<float>>(std::move(values));
}

std::vector<std::byte> bytes_of(const Value& value, int64_t begin, int64_t end) {
  FloatCensus losses;
  std::vector<std::byte> out(value.codec().bytes(end - begin));
  value.read(begin, end, out, losses);
  return out;
}

constexpr int64_t row = 512, rows = 70;  // more than one tile

TEST(WeightedCast, EqualsTheCodecOverWholeMatrices) {
  const std::vector<float> values = wave(row * rows);
  const ImportanceValues importance = ramp(row, 0.25F);
  for (const Codec* codec : codec::all()) {
    if (!codec->encode_weighted) continue;
    SCOPED_TRACE(codec->name);
    std::vector<std::byte> want(codec->bytes(row * rows));
    codec->encode_weighted(values.data(), importance->data(), want.data(), rows, row);
    const ValuePtr cast =
        cast_weighted(constant_f32(values, {rows, row}, codec::f32), *codec, importance);
    EXPECT_EQ(bytes_of(*cast, 0, row * rows), want);
    EXPECT_TRUE(cast->whole_rows());
    std::vector<std::byte> pieces;
    for (int64_t r = 0; r < rows; r += 7) {
      const auto piece = bytes_of(*cast, r * row, (r + 7) * row);
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(pieces, want);
  }
}

TEST(WeightedCast, EachMatrixOfAStackHasItsOwnValues) {
  const int64_t experts = 3;
  const std::vector<float> values = wave(row * 5 * experts);
  const ImportanceValues importance = ramp(row * experts, 0.5F);
  const ValuePtr cast = cast_weighted(constant_f32(values, {experts, 5, row}, codec::f32),
                                      codec::q4_k, importance);
  for (int64_t e = 0; e < experts; ++e) {
    std::vector<std::byte> want(codec::q4_k.bytes(row * 5));
    codec::q4_k.encode_weighted(values.data() + e * 5 * row, importance->data() + e * row,
                                want.data(), 5, row);
    EXPECT_EQ(bytes_of(*cast, e * 5 * row, (e + 1) * 5 * row), want) << e;
  }
  // A read across two matrices changes the row of importance between them.
  const auto all = bytes_of(*cast, 0, row * 5 * experts);
  const auto across = bytes_of(*cast, 3 * row, 8 * row);
  const size_t skipped = codec::q4_k.bytes(3 * row);
  EXPECT_EQ(0, std::memcmp(across.data(), all.data() + skipped, across.size()));
}

TEST(WeightedCast, WhereImportanceChangesNothingItIsACast) {
  const std::vector<float> values = wave(row);
  const ValuePtr source = constant_f32(values, {1, row}, codec::f32);
  const ValuePtr weighted = cast_weighted(source, codec::q8_0, ramp(row, 1));
  EXPECT_FALSE(weighted->whole_rows());
  EXPECT_EQ(bytes_of(*weighted, 0, row), bytes_of(*cast(source, codec::q8_0), 0, row));
  EXPECT_EQ(cast_weighted(source, codec::f32, ramp(row, 1)), source);
}

TEST(WeightedCast, ImportanceLowersTheErrorWhereItCounts) {
  const std::vector<float> values = wave(row);
  std::vector<float> weights(static_cast<size_t>(row), 1e-3F);
  for (size_t i = 0; i < weights.size(); i += 8) weights[i] = 10;
  const auto importance = std::make_shared<const std::vector<float>>(weights);
  const ValuePtr source = constant_f32(values, {1, row}, codec::f32);
  const auto error = [&](const Value& value) {
    const auto bytes = bytes_of(value, 0, row);
    std::vector<float> back(values.size());
    value.codec().decode(bytes.data(), back.data(), row);
    double sum = 0;
    for (size_t i = 0; i < back.size(); ++i) {
      const double d = static_cast<double>(back[i]) - values[i];
      sum += weights[i] * d * d;
    }
    return sum;
  };
  EXPECT_LT(error(*cast_weighted(source, codec::q3_k, importance)),
            0.7 * error(*cast(source, codec::q3_k)));
}

TEST(WeightedCast, NonfiniteValuesAreCountedAndReplacedByRows) {
  std::vector<float> values = wave(row * 2);
  values[3] = NAN;
  values[static_cast<size_t>(row) + 5] = INFINITY;
  std::vector<float> clean = values;
  clean[3] = 0;
  float largest = 0;
  for (size_t i = static_cast<size_t>(row); i < values.size(); ++i)
    if (std::isfinite(values[i])) largest = std::max(largest, std::fabs(values[i]));
  clean[static_cast<size_t>(row) + 5] = largest;
  const ImportanceValues importance = ramp(row, 0.25F);
  FloatCensus losses;
  const ValuePtr cast = cast_weighted(constant_f32(values, {2, row}, codec::f32), codec::q4_k,
                                      importance, {.replace_nonfinite = true});
  std::vector<std::byte> have(codec::q4_k.bytes(row * 2));
  cast->read(0, row * 2, have, losses);
  EXPECT_EQ(losses.nan, 1u);
  EXPECT_EQ(losses.infinite, 1u);
  EXPECT_EQ(losses.first_nonfinite, 3);
  const ValuePtr plain =
      cast_weighted(constant_f32(clean, {2, row}, codec::f32), codec::q4_k, importance);
  EXPECT_EQ(have, bytes_of(*plain, 0, row * 2));
}

}  // namespace
}  // namespace recast

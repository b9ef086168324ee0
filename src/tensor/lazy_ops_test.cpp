#include "tensor/lazy_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>

#include "io/memory_file.h"
#include "tensor/float16.h"

namespace recast {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

const Codec word = {
    .name = "word",
    .block_bytes = 4,
    .decode = [](const std::byte* source, float* destination,
                 int64_t n) { std::memcpy(destination, source, static_cast<size_t>(n) * 4); },
    .encode = [](const float* source, std::byte* destination,
                 int64_t n) { std::memcpy(destination, source, static_cast<size_t>(n) * 4); },
};
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
// Four values and a scale that none of them needs: bytes that only whole blocks can hold.
const Codec quad = {
    .name = "quad",
    .kind = CodecKind::block,
    .block_elements = 4,
    .block_bytes = 5,
    .decode =
        [](const std::byte* source, float* destination, int64_t n) {
          for (int64_t i = 0; i < n; ++i)
            destination[i] = static_cast<float>(static_cast<int8_t>(source[i / 4 * 5 + 1 + i % 4]));
        },
    .encode =
        [](const float* source, std::byte* destination, int64_t n) {
          for (int64_t i = 0; i < n; ++i) {
            if (i % 4 == 0) destination[i / 4 * 5] = std::byte{1};
            destination[i / 4 * 5 + 1 + i % 4] =
                static_cast<std::byte>(static_cast<int8_t>(std::lround(source[i])));
          }
        },
};

using Random = std::mt19937;

int64_t pick(Random& random, int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(random);
}

// A value and what it holds, one string a block: what every operation is compared with.
struct Known {
  ValuePtr value;
  std::vector<std::string> blocks;
};

std::string joined(const std::vector<std::string>& blocks) {
  std::string out;
  for (const std::string& block : blocks) out += block;
  return out;
}

std::vector<std::byte> raw(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// In a file behind some other bytes, or in memory.
Known random_value(Random& random, Shape shape, const Codec& codec, bool in_file = true) {
  Known known;
  for (int64_t n = element_count(shape).value() / codec.block_elements; n > 0; --n) {
    std::string block;
    for (uint64_t i = 0; i < codec.block_bytes; ++i) block += static_cast<char>(random());
    known.blocks.push_back(block);
  }
  const std::string all = joined(known.blocks);
  known.value = in_file ? stored(std::make_shared<MemoryFile>("data", "0123456" + all), 7,
                                 std::move(shape), codec)
                        : constant(raw(all), std::move(shape), codec);
  return known;
}

std::string read(const Value& value, int64_t begin, int64_t end) {
  FloatCensus losses;
  std::string out(value.codec().bytes(end - begin), '?');
  value.read(begin, end, std::as_writable_bytes(std::span(out)), losses);
  return out;
}
std::string fetch(const Value& value, int64_t begin, int64_t end) {
  FloatCensus losses;
  const Window window = value.fetch(begin, end, losses);
  return {reinterpret_cast<const char*>(window.bytes().data()), window.bytes().size()};
}

// All of it, nothing of it, and ranges that begin and end at any block.
void expect_holds(Random& random, const Known& known) {
  const Value& value = *known.value;
  const std::string all = joined(known.blocks);
  const int64_t step = value.codec().block_elements;
  const int64_t blocks = value.elements() / step;
  ASSERT_EQ(value.bytes(), all.size());
  ASSERT_EQ(read(value, 0, value.elements()), all);
  for (int i = 0; i < 12; ++i) {
    const int64_t begin = pick(random, 0, blocks) * step;
    const int64_t end = pick(random, begin / step, blocks) * step;
    const auto expected = all.substr(value.codec().bytes(begin), value.codec().bytes(end - begin));
    EXPECT_EQ(read(value, begin, end), expected) << begin << " to " << end;
    EXPECT_EQ(fetch(value, begin, end), expected) << begin << " to " << end;
  }
}

int64_t divisor(Random& random, int64_t n) {
  std::vector<int64_t> all;
  for (int64_t d = 1; d <= n; ++d)
    if (n % d == 0) all.push_back(d);
  return all[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(all.size()) - 1))];
}

Known naive_slice(const Known& from, int64_t begin, int64_t end) {
  const int64_t entry = static_cast<int64_t>(from.blocks.size()) / from.value->shape().front();
  return {slice(from.value, begin, end),
          {from.blocks.begin() + begin * entry, from.blocks.begin() + end * entry}};
}

Known naive_swap(const Known& from, int64_t outer, int64_t a, int64_t b, int64_t inner) {
  const size_t row = from.blocks.size() / static_cast<size_t>(outer * a * b * inner);
  Known out{swap_row_axes(from.value, outer, a, b, inner), {}};
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t j = 0; j < b; ++j)
      for (int64_t i = 0; i < a; ++i)
        for (int64_t k = 0; k < inner; ++k)
          for (size_t x = 0; x < row; ++x)
            out.blocks.push_back(
                from.blocks[static_cast<size_t>(((o * a + i) * b + j) * inner + k) * row + x]);
  return out;
}

Known naive_transpose(const Known& from) {
  const int64_t rows = from.value->shape()[0], columns = from.value->shape()[1];
  Known out{transpose(from.value), {}};
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r)
      out.blocks.push_back(from.blocks[static_cast<size_t>(r * columns + c)]);
  return out;
}

Known naive_concat(const std::vector<Known>& parts, Shape shape) {
  std::vector<ValuePtr> values;
  Known out;
  for (const Known& part : parts) {
    values.push_back(part.value);
    out.blocks.insert(out.blocks.end(), part.blocks.begin(), part.blocks.end());
  }
  out.value = concat(std::move(values), std::move(shape));
  return out;
}

// One operation, chosen at random, over a matrix.
Known any_operation(Random& random, const Known& from) {
  const int64_t rows = from.value->shape()[0], columns = from.value->shape()[1];
  switch (pick(random, 0, 5)) {
    case 0: {
      const int64_t begin = pick(random, 0, rows - 1);
      return naive_slice(from, begin, pick(random, begin + 1, rows));
    }
    case 1: {
      const int64_t outer = divisor(random, rows);
      const int64_t a = divisor(random, rows / outer);
      const int64_t b = divisor(random, rows / outer / a);
      return naive_swap(from, outer, a, b, rows / outer / a / b);
    }
    case 2: {
      const int64_t more = pick(random, 1, 3);
      const Known tail = random_value(random, {more, columns}, from.value->codec(), more > 1);
      return naive_concat({from, tail}, {rows + more, columns});
    }
    case 3: {  // cut and glued: in order, or the other way round
      const int64_t at = pick(random, 0, rows);
      const Known a = naive_slice(from, 0, at), b = naive_slice(from, at, rows);
      return pick(random, 0, 1) ? naive_concat({a, b}, {rows, columns})
                                : naive_concat({b, a}, {rows, columns});
    }
    case 4: {
      const int64_t factor = divisor(random, rows);
      return {reshape(from.value, {rows / factor, columns * factor}), from.blocks};
    }
    default:
      if (from.value->codec().block_elements > 1) return from;
      return naive_transpose(from);
  }
}

TEST(LazyOps, StoredAndConstantHoldTheirBytes) {
  Random random(1);
  for (const Codec* codec : {&word, &quad})
    for (const bool in_file : {true, false}) {
      expect_holds(random, random_value(random, {3, 8}, *codec, in_file));
      expect_holds(random, random_value(random, {8}, *codec, in_file));
    }
  expect_holds(random, random_value(random, {}, word));
  const float numbers[] = {1, -2.5f};
  EXPECT_EQ(read(*constant_f32(numbers, {2}, word), 0, 2),
            std::string(reinterpret_cast<const char*>(numbers), 8));
}

TEST(LazyOps, SliceTakesEntriesOfTheFirstAxis) {
  Random random(2);
  for (const Codec* codec : {&word, &quad})
    for (const bool in_file : {true, false}) {
      const Known from = random_value(random, {6, 2, 4}, *codec, in_file);
      for (int64_t begin = 0; begin < 6; ++begin)
        for (int64_t end = begin + 1; end <= 6; ++end) {
          const Known part = naive_slice(from, begin, end);
          EXPECT_EQ(part.value->shape(), (Shape{end - begin, 2, 4}));
          expect_holds(random, part);
        }
      EXPECT_EQ(slice(from.value, 2, 2)->elements(), 0);
    }
}

TEST(LazyOps, ConcatPutsPartsBehindEachOther) {
  Random random(3);
  for (const Codec* codec : {&word, &quad}) {
    const Known a = random_value(random, {2, 4}, *codec), b = random_value(random, {4}, *codec),
                c = random_value(random, {3, 4}, *codec, false);
    const Known all = naive_concat({a, b, c, a}, {8, 4});
    EXPECT_EQ(all.value->shape(), (Shape{8, 4}));
    expect_holds(random, all);
    const Known empty = naive_slice(a, 1, 1);
    expect_holds(random, naive_concat({empty, b, empty, c}, {16}));
  }
}

TEST(LazyOps, SwapRowAxesOrdersRowsAsTheNaiveLoops) {
  Random random(4);
  for (const Codec* codec : {&word, &quad})
    for (const auto& [outer, a, b, inner] :
         {std::array<int64_t, 4>{1, 2, 3, 1}, {2, 4, 2, 1}, {3, 2, 2, 2}, {1, 5, 1, 3}}) {
      const int64_t rows = outer * a * b * inner;
      expect_holds(random,
                   naive_swap(random_value(random, {rows, 8}, *codec), outer, a, b, inner));
    }
  // A vector counts elements as rows.
  expect_holds(random, naive_swap(random_value(random, {12}, word), 2, 3, 2, 1));
}

TEST(LazyOps, TransposeExchangesTheAxes) {
  Random random(5);
  for (const Shape& shape : {Shape{1, 7}, {7, 1}, {5, 3}, {16, 9}}) {
    const Known turned = naive_transpose(random_value(random, shape, word));
    EXPECT_EQ(turned.value->shape(), (Shape{shape[1], shape[0]}));
    expect_holds(random, turned);
  }
}

TEST(LazyOps, AnyNestingEqualsTheNaiveComputation) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Codec& codec = seed % 3 == 0 ? quad : word;
    Known value = random_value(
        random, {pick(random, 1, 12), codec.block_elements * pick(random, 1, 5)}, codec);
    for (int64_t n = pick(random, 1, 7); n > 0; --n) {
      value = any_operation(random, value);
      expect_holds(random, value);
      if (HasFatalFailure()) return;
    }
  }
}

void expect_extent(const ValuePtr& value, const ValuePtr& file, uint64_t offset) {
  ASSERT_TRUE(value->extent().has_value());
  EXPECT_EQ(value->extent()->file, file->extent()->file);
  EXPECT_EQ(value->extent()->offset, offset);
  EXPECT_EQ(value->extent()->bytes, value->bytes());
}

TEST(LazyOps, InverseOperationsAreTheExtentAgain) {
  Random random(6);
  const ValuePtr m = random_value(random, {12, 4}, word).value;
  EXPECT_FALSE(swap_row_axes(m, 2, 2, 3, 1)->extent());
  expect_extent(swap_row_axes(swap_row_axes(m, 2, 2, 3, 1), 2, 3, 2, 1), m, 7);
  EXPECT_FALSE(swap_row_axes(swap_row_axes(m, 2, 2, 3, 1), 2, 2, 3, 1)->extent());
  EXPECT_EQ(swap_row_axes(m, 4, 1, 3, 1), m);
  EXPECT_FALSE(transpose(m)->extent());
  EXPECT_EQ(transpose(transpose(m)), m);
  EXPECT_EQ(reshape(reshape(m, {48}), {12, 4}), m);
  EXPECT_EQ(cast(m, word), m);
  expect_extent(reshape(m, {3, 16}), m, 7);
}

TEST(LazyOps, SlicesOfExtentsAndOfConcatenationsAreExtents) {
  Random random(7);
  const ValuePtr a = random_value(random, {4, 8}, quad).value,
                 b = random_value(random, {2, 8}, quad).value;
  expect_extent(slice(a, 1, 3), a, 7 + 10);
  expect_extent(slice(slice(a, 1, 4), 1, 2), a, 7 + 20);
  const ValuePtr all = concat({a, b}, {6, 8});
  EXPECT_FALSE(all->extent());
  expect_extent(slice(all, 0, 4), a, 7);
  expect_extent(slice(all, 4, 6), b, 7);
  expect_extent(slice(all, 5, 6), b, 7 + 10);
  EXPECT_FALSE(slice(all, 3, 5)->extent());
  expect_extent(slice(reshape(all, {12, 4}), 9, 10), b, 7 + 5);
}

TEST(LazyOps, ConcatOfNeighboursIsOneExtent) {
  Random random(8);
  const ValuePtr m = random_value(random, {6, 4}, word).value;
  const ValuePtr thirds[] = {slice(m, 0, 2), slice(m, 2, 4), slice(m, 4, 6)};
  expect_extent(concat({thirds[0], thirds[1], thirds[2]}, {6, 4}), m, 7);
  expect_extent(concat({thirds[1], thirds[2]}, {16}), m, 7 + 32);
  EXPECT_FALSE(concat({thirds[0], thirds[2]}, {4, 4})->extent());
  EXPECT_FALSE(concat({thirds[1], thirds[0]}, {4, 4})->extent());
  // Parts of a computed value are that value again.
  const ValuePtr turned = transpose(m);
  EXPECT_EQ(concat({slice(turned, 0, 1), slice(turned, 1, 4)}, {4, 6}), turned);
}

std::vector<float> floats(const Value& value, int64_t begin, int64_t end) {
  const std::string bytes = read(value, begin, end);
  std::vector<float> out(static_cast<size_t>(end - begin));
  value.codec().decode(reinterpret_cast<const std::byte*>(bytes.data()), out.data(), end - begin);
  return out;
}

TEST(LazyOps, CastEncodesEachValueWhateverTheTile) {
  Random random(9);
  std::normal_distribution<float> normal(0, 40);
  std::vector<float> source(3 * 5000);
  for (float& f : source) f = std::clamp(normal(random), -120.0f, 120.0f);
  const ValuePtr from = constant_f32(source, {3, 5000}, word);
  for (const Codec* codec : {&half, &quad}) {
    const ValuePtr to = cast(from, *codec);
    std::string expected(codec->bytes(15000), '\0');
    codec->encode(source.data(), reinterpret_cast<std::byte*>(expected.data()), 15000);
    expect_holds(random, {to, [&] {
                   std::vector<std::string> blocks;
                   for (size_t at = 0; at < expected.size(); at += codec->block_bytes)
                     blocks.push_back(expected.substr(at, codec->block_bytes));
                   return blocks;
                 }()});
  }
  // From blocks to blocks of another size, through f32.
  const ValuePtr there = cast(cast(cast(from, quad), half), quad);
  EXPECT_EQ(read(*there, 0, 15000), read(*cast(from, quad), 0, 15000));
}

TEST(LazyOps, CastCountsWhatIsLostAtItsPlaceInTheTensor) {
  std::vector<float> source(10000, 1.0f);
  source[9000] = 1e6f;
  source[9100] = -1e-9f;
  source[9200] = NAN;
  source[9300] = infinity;
  const ValuePtr to = cast(constant_f32(source, {10, 1000}, word), half);
  FloatCensus losses;
  std::vector<std::byte> bytes(4000);
  to->read(8000, 10000, bytes, losses);
  EXPECT_EQ(losses.overflow, 1u);
  EXPECT_EQ(losses.underflow, 1u);
  EXPECT_EQ(losses.nan, 1u);
  EXPECT_EQ(losses.infinite, 1u);
  EXPECT_EQ(losses.first_overflow, 9000);
  EXPECT_EQ(losses.first_nonfinite, 9200);
}

TEST(LazyOps, CastClampsAndReplacesOnlyWhenAsked) {
  const float source[] = {1e6f, -1e6f, NAN, infinity, 3, -2, -infinity, NAN};
  const ValuePtr from = constant_f32(source, {2, 4}, word);
  const std::vector<float> plain = floats(*cast(from, half), 0, 8);
  EXPECT_EQ(plain[0], infinity);
  EXPECT_TRUE(std::isnan(plain[2]));
  const std::vector<float> clamped = floats(*cast(from, half, {.clamp_overflow = true}), 0, 8);
  EXPECT_EQ(clamped[0], 65504);
  EXPECT_EQ(clamped[1], -65504);
  EXPECT_EQ(clamped[3], infinity);
  // Infinities become the largest finite value of their row.
  EXPECT_EQ(floats(*cast(from, half, {.clamp_overflow = true, .replace_nonfinite = true}), 0, 8),
            (std::vector<float>{65504, -65504, 0, 65504, 3, -2, -3, 0}));
  EXPECT_EQ(floats(*cast(from, half, {.replace_nonfinite = true}), 4, 8),
            (std::vector<float>{3, -2, -3, 0}));
}

TEST(LazyOps, MapAppliesTheFunctionToEachValue) {
  std::vector<float> source(9000);
  std::iota(source.begin(), source.end(), 0.0f);
  const auto plus_one = [](float* values, int64_t n) {
    for (int64_t i = 0; i < n; ++i) values[i] += 1;
  };
  const ValuePtr mapped = map(cast(constant_f32(source, {9000}, word), half), plus_one, word);
  EXPECT_EQ(&mapped->codec(), &word);
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 9000}, {17, 18}, {4090, 4100}}) {
    const std::vector<float> got = floats(*mapped, begin, end);
    for (int64_t i = begin; i < end; ++i)
      ASSERT_EQ(got[static_cast<size_t>(i - begin)],
                f32_from_f16(f16_from_f32(static_cast<float>(i))) + 1);
  }
}

}  // namespace
}  // namespace recast

#include "tensor/strided.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <random>

#include "io/memory_file.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

const Codec word = {.name = "word", .kind = CodecKind::integer, .block_bytes = 4};

// 0, 1, 2 ... as words of a file.
ValuePtr counting(int64_t n) {
  std::vector<uint32_t> words(static_cast<size_t>(n));
  std::iota(words.begin(), words.end(), 0u);
  std::string bytes(reinterpret_cast<const char*>(words.data()), words.size() * 4);
  return stored(std::make_shared<MemoryFile>("m", bytes), 0, {n}, word);
}

std::vector<uint32_t> read(const Value& value, int64_t begin, int64_t end) {
  std::vector<uint32_t> words(static_cast<size_t>(end - begin));
  FloatCensus losses;
  value.read(begin, end, std::as_writable_bytes(std::span(words)), losses);
  return words;
}
std::vector<uint32_t> read(const Value& value) { return read(value, 0, value.elements()); }

TEST(Strided, TransposedScalarExpandedAndEmpty) {
  EXPECT_EQ(read(*strided(counting(6), {3, 2}, {1, 3})), (std::vector<uint32_t>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(read(*strided(counting(1), {}, {})), (std::vector<uint32_t>{0}));
  EXPECT_EQ(read(*strided(counting(2), {2, 3}, {1, 0})), (std::vector<uint32_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_TRUE(read(*strided(counting(2), {2, 0, 3}, {1, 1, 1})).empty());
}

TEST(Strided, EveryRangeEqualsTheDefinition) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    Shape shape(random() % 4 + 1), stride(shape.size());
    int64_t span = 1;
    for (size_t i = 0; i < shape.size(); ++i) {
      shape[i] = random() % 5 + 1;
      stride[i] = random() % 9;
      span += (shape[i] - 1) * stride[i];
    }
    const ValuePtr value = strided(counting(span), shape, stride);
    std::vector<uint32_t> expected;
    for (int64_t e = 0; e < value->elements(); ++e) {
      int64_t rest = e, at = 0;
      for (size_t i = shape.size(); i-- > 0; rest /= shape[i]) at += rest % shape[i] * stride[i];
      expected.push_back(static_cast<uint32_t>(at));
    }
    for (int64_t begin = 0; begin < value->elements(); begin += 3)
      for (int64_t end = begin; end <= value->elements(); end += 2)
        ASSERT_EQ(read(*value, begin, end),
                  std::vector<uint32_t>(expected.begin() + begin, expected.begin() + end))
            << to_string(shape) << to_string(stride) << begin << ".." << end;
  }
}

TEST(Strided, ViewsWiderThanAWindowGoByPieces) {
  // 1500 x 1000 words are 6 MB: a column spans more than the window of 1 MiB.
  const ValuePtr value = strided(counting(1'500'000), {1000, 1500}, {1, 1000});
  const std::vector<uint32_t> words = read(*value, 1499, 1500 * 4 + 1);
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t element = i + 1499;
    ASSERT_EQ(words[i], element % 1500 * 1000 + element / 1500);
  }
  // Two far rows and a long stride within each.
  const ValuePtr far = strided(counting(1'400'001), {2, 3}, {700'000, 350'000});
  EXPECT_EQ(read(*far),
            (std::vector<uint32_t>{0, 350'000, 700'000, 700'000, 1'050'000, 1'400'000}));
  EXPECT_LE(value->scratch_bytes(1 << 20), uint64_t{4} << 20);
}

TEST(ByteSwapped, ReversesEveryUnit) {
  const ValuePtr value = stored(std::make_shared<MemoryFile>("m", "abcdefgh"), 0, {2}, word);
  std::string out(8, ' ');
  FloatCensus losses;
  byte_swapped(value, 4)->read(0, 2, std::as_writable_bytes(std::span(out)), losses);
  EXPECT_EQ(out, "dcbahgfe");
  byte_swapped(value, 2)->read(1, 2, std::as_writable_bytes(std::span(out).first(4)), losses);
  EXPECT_EQ(out.substr(0, 4), "fehg");
  EXPECT_EQ(byte_swapped(value, 1), value);
}

}  // namespace
}  // namespace recast

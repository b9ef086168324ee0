#include "tensor/blocks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <random>

#include "io/memory_file.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

const Codec word = {.name = "word", .kind = CodecKind::integer, .block_bytes = 4};

ValuePtr words(const std::vector<uint32_t>& values, Shape shape) {
  std::string bytes(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  return stored(std::make_shared<MemoryFile>("m", bytes), 0, std::move(shape), word);
}

std::vector<uint32_t> read(const Value& value, int64_t begin, int64_t end) {
  std::vector<uint32_t> out(static_cast<size_t>(end - begin));
  FloatCensus losses;
  value.read(begin, end, std::as_writable_bytes(std::span(out)), losses);
  return out;
}

// Row-major number of an element of the whole.
uint32_t number_of(const Shape& shape, const Shape& at) {
  int64_t number = 0;
  for (size_t i = 0; i < shape.size(); ++i) number = number * shape[i] + at[i];
  return static_cast<uint32_t>(number);
}

// A block whose elements say which number they have in the whole.
Block block_of(const Shape& shape, const Box& box) {
  std::vector<uint32_t> values;
  const int64_t n = *element_count(box.extent);
  for (int64_t e = 0; e < n; ++e) {
    Shape at(shape.size());
    int64_t rest = e;
    for (size_t i = shape.size(); i-- > 0; rest /= box.extent[i])
      at[i] = box.start[i] + rest % box.extent[i];
    values.push_back(number_of(shape, at));
  }
  return {box.start, words(values, box.extent)};
}

// Cuts a box at random, `cuts` times.
std::vector<Box> cut(const Shape& shape, int cuts, std::mt19937& random) {
  std::vector<Box> boxes = {{Shape(shape.size(), 0), shape}};
  for (int i = 0; i < cuts; ++i) {
    const size_t which = random() % boxes.size(), axis = random() % shape.size();
    Box& left = boxes[which];
    if (left.extent[axis] < 2) continue;
    Box right = left;
    const int64_t at = 1 + static_cast<int64_t>(random()) % (left.extent[axis] - 1);
    right.start[axis] += at;
    right.extent[axis] -= at;
    left.extent[axis] = at;
    boxes.push_back(right);
  }
  return boxes;
}

Shape random_shape(std::mt19937& random) {
  Shape shape(random() % 4 + 1);
  for (int64_t& extent : shape) extent = static_cast<int64_t>(random() % 6 + 1);
  return shape;
}

TEST(TensorBlocks, EveryRangeIsThatOfTheWhole) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const Shape shape = random_shape(random);
    std::vector<Block> parts;
    for (const Box& box : cut(shape, 8, random)) parts.push_back(block_of(shape, box));
    std::shuffle(parts.begin(), parts.end(), random);
    const ValuePtr whole = blocks(std::move(parts), shape);
    ASSERT_EQ(whole->shape(), shape);
    for (int64_t begin = 0; begin < whole->elements(); begin += 3)
      for (int64_t end = begin; end <= whole->elements(); end += 2) {
        std::vector<uint32_t> expected(static_cast<size_t>(end - begin));
        std::iota(expected.begin(), expected.end(), static_cast<uint32_t>(begin));
        ASSERT_EQ(read(*whole, begin, end), expected) << to_string(shape);
      }
  }
}

TEST(TensorBlocks, RowsThatFollowEachOtherInOneFileAreOneExtent) {
  const ValuePtr all = words({0, 1, 2, 3, 4, 5}, {3, 2});
  const ValuePtr whole = blocks({{{1, 0}, slice(all, 1, 3)}, {{0, 0}, slice(all, 0, 1)}}, {3, 2});
  ASSERT_TRUE(whole->extent());
  EXPECT_EQ(whole->extent()->bytes, 24u);
}

TEST(TensorBlocks, LongRunsGoThroughWindows) {
  const Shape shape = {3, 700'000};
  const std::vector<Box> halves = {{{0, 0}, {3, 400'000}}, {{0, 400'000}, {3, 300'000}}};
  const ValuePtr whole = blocks({block_of(shape, halves[1]), block_of(shape, halves[0])}, shape);
  const std::vector<uint32_t> got = read(*whole, 5, whole->elements());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], i + 5);
  EXPECT_LE(whole->scratch_bytes(whole->elements()), uint64_t{2} << 20);
}

// How often each element is covered, counted one by one.
std::vector<int> counts(const Shape& shape, const std::vector<Box>& boxes) {
  std::vector<int> out(static_cast<size_t>(*element_count(shape)));
  for (const Box& box : boxes)
    for (int64_t e = 0; e < *element_count(box.extent); ++e) {
      Shape at(shape.size());
      int64_t rest = e;
      for (size_t i = shape.size(); i-- > 0; rest /= box.extent[i])
        at[i] = box.start[i] + rest % box.extent[i];
      ++out[number_of(shape, at)];
    }
  return out;
}

TEST(TensorBlocks, TheFirstGapOrOverlapIsFound) {
  std::mt19937 random(2);
  int faults = 0;
  for (int round = 0; round < 2000; ++round) {
    const Shape shape = random_shape(random);
    std::vector<Box> boxes = cut(shape, 5, random);
    const size_t axis = random() % shape.size();
    Box& changed = boxes[random() % boxes.size()];
    if (round % 3 == 1) changed.extent[axis] -= static_cast<int64_t>(random() % 2);
    if (round % 3 == 2) {
      changed.start[axis] = static_cast<int64_t>(random()) % shape[axis];
      changed.extent[axis] = std::min(changed.extent[axis], shape[axis] - changed.start[axis]);
    }
    const std::vector<int> often = counts(shape, boxes);
    const auto fault = find_cover_fault(shape, boxes);
    const auto first = std::find_if(often.begin(), often.end(), [](int n) { return n != 1; });
    ASSERT_EQ(fault.has_value(), first != often.end()) << to_string(shape);
    if (!fault) continue;
    ++faults;
    EXPECT_EQ(number_of(shape, fault->at), static_cast<uint32_t>(first - often.begin()));
    EXPECT_EQ(fault->overlap, *first > 1);
  }
  EXPECT_GT(faults, 300);
}

TEST(TensorBlocks, ScalarsAndEmptyTensors) {
  EXPECT_FALSE(find_cover_fault({}, {{{}, {}}}));
  EXPECT_TRUE(find_cover_fault({}, {{{}, {}}, {{}, {}}})->overlap);
  EXPECT_FALSE(find_cover_fault({}, {})->overlap);
  EXPECT_FALSE(find_cover_fault({0, 4}, {}));
  EXPECT_FALSE(find_cover_fault({2, 2}, {{{0, 0}, {2, 2}}, {{2, 0}, {0, 2}}}));
  EXPECT_EQ(read(*blocks({{{}, words({7}, {})}}, {}), 0, 1), std::vector<uint32_t>{7});
  EXPECT_EQ(blocks({{{0, 0}, words({}, {0, 4})}}, {0, 4})->elements(), 0);
  EXPECT_EQ(blocks({{{0, 0}, words({}, {0, 2})}, {{0, 2}, words({}, {0, 2})}}, {0, 4})->shape(),
            (Shape{0, 4}));
}

}  // namespace
}  // namespace recast

#include "tensor/read_watch.h"

#include <gtest/gtest.h>

#include "io/memory_file.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

constexpr Codec u8{.name = "U8", .kind = CodecKind::integer, .block_bytes = 1};

std::shared_ptr<const File> numbers(size_t n) {
  std::vector<std::byte> bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::byte>(i * 7);
  return std::make_shared<MemoryFile>(
      "numbers", std::string_view(reinterpret_cast<const char*>(bytes.data()), n));
}

TEST(ReadWatch, HasTheHashOfWhatWasReadOnceAndInOrder) {
  const auto file = numbers(1000);
  const ValuePtr value = stored(file, 100, {30, 20}, u8);
  const Hash128 expected = xxh3_128(file->window(100, 600).bytes());
  FloatCensus losses;
  ReadWatch watch;
  value->fetch(0, 200, losses);
  EXPECT_FALSE(watch.of(*value->extent()));
  std::vector<std::byte> rest(400);
  value->read(200, 600, rest, losses);
  EXPECT_EQ(watch.of(*value->extent()), expected);
  EXPECT_FALSE(watch.of({file, 100, 599}));
  EXPECT_FALSE(watch.of({numbers(1000), 100, 600}));
}

TEST(ReadWatch, KnowsNothingOfReadsOutOfOrder) {
  const auto file = numbers(1000);
  const ValuePtr value = swap_row_axes(stored(file, 0, {40, 25}, u8), 1, 2, 20, 1);
  FloatCensus losses;
  std::vector<std::byte> all(1000);
  ReadWatch watch;
  value->read(0, 1000, all, losses);
  EXPECT_FALSE(watch.of({file, 0, 1000}));
}

TEST(ReadWatch, EndsWithItsScope) {
  const auto file = numbers(10);
  const ValuePtr value = stored(file, 0, {10}, u8);
  FloatCensus losses;
  { ReadWatch earlier; }
  value->fetch(0, 10, losses);
  ReadWatch watch;
  EXPECT_FALSE(watch.of({file, 0, 10}));
}

}  // namespace
}  // namespace recast

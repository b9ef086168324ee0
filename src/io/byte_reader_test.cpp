#include "io/byte_reader.h"

#include <gtest/gtest.h>

#include "io/io_testing.h"

namespace recast {
namespace {

using io_testing::bytes_of;
using io_testing::code_of;
using io_testing::Scratch;

std::string counting(size_t n) {
  std::string text(n, '\0');
  for (size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 131 + (i >> 8));
  return text;
}

std::string as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ByteReader, ReadsNumbersOfBothByteOrders) {
  const std::string text("\x01\x02\x03\x04\x00\x00\x80\x3f\xff", 9);
  ByteReader in(bytes_of(text), "x");
  EXPECT_EQ(in.get<uint32_t>(), 0x04030201u);
  EXPECT_EQ(in.get<float>(), 1.0f);
  EXPECT_EQ(in.get<int8_t>(), -1);
  ByteReader big(bytes_of(text), "x");
  big.set_big_endian(true);
  EXPECT_EQ(big.get<uint16_t>(), 0x0102u);
  EXPECT_EQ(big.get<uint16_t>(), 0x0304u);
}

TEST(ByteReader, ReadPastTheEndNamesFileOffsetAndBytes) {
  const std::string text("12345");
  ByteReader in(bytes_of(text), "model.bin", 100);
  in.take(2);
  Error error;
  EXPECT_EQ(code_of([&] { in.take(4, "weights"); }, &error), &codes::truncated);
  EXPECT_EQ(error.file, "model.bin");
  EXPECT_EQ(error.where, offset_where(102));
  EXPECT_EQ(error.expected, "4 bytes for weights");
  EXPECT_EQ(error.found, "3 bytes left");
  EXPECT_EQ(in.offset(), 102u);
  EXPECT_CODE(in.skip(UINT64_MAX), truncated);
  EXPECT_EQ(as_text(in.take(3)), "345");
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_CODE(in.get<uint8_t>(), truncated);
}

TEST(ByteReader, LongTextIsALimitNotAnAllocation) {
  const std::string text("abcdef");
  ByteReader in(bytes_of(text), "x");
  EXPECT_CODE(in.get_text(5, 4, "key"), too_long);
  EXPECT_CODE(in.get_text(UINT64_MAX, UINT64_MAX, "key"), truncated);
  EXPECT_EQ(in.get_text(4, 4, "key"), "abcd");
}

TEST(ByteReader, CountsAreComparedWithTheBytesLeft) {
  const std::string text(100, 'x');
  ByteReader in(bytes_of(text), "x");
  in.require_room(25, 4, "tensors");
  EXPECT_CODE(in.require_room(26, 4, "tensors"), truncated);
  EXPECT_CODE(in.require_room(UINT64_MAX / 2, 4, "tensors"), truncated);  // the product wraps
}

TEST(ByteReader, MovesItsWindowOverAFile) {
  const Scratch scratch;
  const std::string text = counting((5 << 20) + 77);
  const std::string path = scratch.write("f", text);
  for (const ReadMode mode : {ReadMode::mapped, ReadMode::stream}) {
    ByteReader in(open_file(path, mode), 13, text.size() - 20);
    std::string got;
    for (size_t n = 1; in.remaining() > 0; n = n * 5 % 700'001) {
      const auto piece = in.take(std::min<uint64_t>(n, in.remaining()));
      got.append(as_text(piece));
    }
    EXPECT_EQ(got, text.substr(13, text.size() - 20));
    EXPECT_EQ(in.offset(), text.size() - 7);
    EXPECT_CODE(in.take(1), truncated);
  }
}

TEST(ByteReader, TakesMoreThanAWindowAndSkipsFar) {
  const Scratch scratch;
  const std::string text = counting(4 << 20);
  const auto file = open_file(scratch.write("f", text));
  ByteReader in(file, 0, file->size());
  in.skip(5);
  EXPECT_EQ(as_text(in.take(3 << 20)), text.substr(5, 3 << 20));
  in.skip(1000);
  EXPECT_EQ(as_text(in.take(8)), text.substr(5 + (3 << 20) + 1000, 8));
}

TEST(ByteReader, RangeOutsideTheFileIsTruncated) {
  const Scratch scratch;
  const auto file = open_file(scratch.write("f", "12345"));
  EXPECT_CODE(ByteReader(file, 3, 3), truncated);
  EXPECT_CODE(ByteReader(file, 6, 0), truncated);
  EXPECT_CODE(ByteReader(file, UINT64_MAX, 2), truncated);
  EXPECT_EQ(as_text(ByteReader(file, 3, 2).take(2)), "45");
}

// One terabyte of hole: only what is asked for is read.
TEST(ByteReader, SparseTerabyteCostsNothing) {
  const Scratch scratch;
  const std::string path = scratch.write("f", "head");
  constexpr uint64_t terabyte = uint64_t{1} << 40;
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(terabyte)), 0);
  const auto file = open_file(path);
  ByteReader in(file, 0, file->size());
  EXPECT_EQ(as_text(in.take(4)), "head");
  in.skip(terabyte - 8);
  EXPECT_EQ(in.get<uint32_t>(), 0u);
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(ByteReader, FileThatIsCutUnderTheWindowIsInputChanged) {
  const Scratch scratch;
  const std::string path = scratch.write("f", std::string(1 << 20, 'x'));
  const auto file = open_file(path);
  ByteReader in(file, 0, file->size());
  in.take(1);  // maps the window
  ASSERT_EQ(::truncate(path.c_str(), 4096), 0);
  EXPECT_CODE(
      for (int i = 0; i < 1000; ++i) {
        in.skip(512);
        in.get<uint64_t>();
      },
      input_changed);
}

}  // namespace
}  // namespace recast

#include "wire/imatrix_dat.h"

#include <gtest/gtest.h>

#include "io/io_testing.h"

namespace recast {
namespace {

using io_testing::code_of;
using io_testing::Scratch;

std::string number(int32_t n) { return {reinterpret_cast<const char*>(&n), sizeof n}; }
std::string entry(const std::string& name, int32_t calls, const std::vector<float>& values) {
  std::string text = number(static_cast<int32_t>(name.size()));
  text.append(name).append(number(calls)).append(number(static_cast<int32_t>(values.size())));
  return text.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

class ImatrixDatFile : public testing::Test {
 protected:
  ImatrixDat read(const std::string& bytes) {
    return read_imatrix_dat(open_file(scratch_.write("m.dat", bytes)));
  }
  const ErrorCode* refusal(const std::string& bytes) {
    return code_of([&] { read(bytes); });
  }
  Scratch scratch_;
};

TEST_F(ImatrixDatFile, GivesEntriesAndWhatTheyWereMadeOf) {
  const std::string old = number(2) + entry("blk.0.attn_q.weight", 4, {1, 2}) + entry("b", 0, {3});
  const ImatrixDat plain = read(old);
  ASSERT_EQ(plain.entries.size(), 2u);
  EXPECT_EQ(plain.entries[0].name, "blk.0.attn_q.weight");
  EXPECT_EQ(plain.entries[0].calls, 4);
  EXPECT_EQ(plain.entries[0].values, (std::vector<float>{1, 2}));
  EXPECT_EQ(plain.entries[1].values, (std::vector<float>{3}));
  EXPECT_EQ(plain.chunks, 0);
  EXPECT_EQ(plain.dataset, "");
  const ImatrixDat newer = read(old + number(36) + number(5) + "a.txt");
  EXPECT_EQ(newer.entries.size(), 2u);
  EXPECT_EQ(newer.chunks, 36);
  EXPECT_EQ(newer.dataset, "a.txt");
  EXPECT_EQ(read(old + number(7) + number(0)).chunks, 7);
}

TEST_F(ImatrixDatFile, RefusesCountsThatCannotBe) {
  EXPECT_EQ(refusal(number(0)), &codes::imatrix_file);
  EXPECT_EQ(refusal(number(-1)), &codes::imatrix_file);
  EXPECT_EQ(refusal("GGML and then some text"), &codes::imatrix_file);
  EXPECT_EQ(refusal(number(1) + number(0)), &codes::truncated);
  EXPECT_EQ(refusal(number(1) + entry("", 1, {1, 2, 3})), &codes::imatrix_file);
  EXPECT_EQ(refusal(number(1) + entry("name", -1, {1})), &codes::imatrix_file);
  EXPECT_EQ(refusal(number(1) + entry("name", 1, {})), &codes::imatrix_file);
  EXPECT_EQ(refusal(number(1) + entry("n", 1, {1}) + number(3) + number(-5)), &codes::imatrix_file);
}

TEST_F(ImatrixDatFile, RefusesEveryTruncationButThatBehindTheEntries) {
  const std::string entries = number(2) + entry("first", 4, {1, 2}) + entry("second", 1, {3, 4});
  const std::string whole = entries + number(36) + number(5) + "a.txt";
  for (size_t n = 0; n < whole.size(); ++n) {
    if (n == entries.size() || n == entries.size() + 4) continue;  // an older file is that
    EXPECT_NE(refusal(whole.substr(0, n)), nullptr) << n;
  }
  // A number of values that the file cannot hold reserves no memory.
  EXPECT_EQ(refusal(number(1) + number(1) + "n" + number(1) + number(INT32_MAX)),
            &codes::truncated);
}

}  // namespace
}  // namespace recast

#include "cli/units.h"

#include <gtest/gtest.h>

namespace recast::cli {
namespace {

TEST(Units, SizesAreBinary) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.00 KiB");
  EXPECT_EQ(bytes_text(10'234), "9.99 KiB");
  EXPECT_EQ(bytes_text(1'048'575), "1.00 MiB");
  EXPECT_EQ(bytes_text(4'917'837'824), "4.58 GiB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(rate_text(641'728'512), "612.0 MiB/s");
  EXPECT_EQ(rate_text(-1), "0 B/s");
}

TEST(Units, TimesAreShort) {
  EXPECT_EQ(clock_text(12.4), "0:12");
  EXPECT_EQ(clock_text(3723), "1:02:03");
  EXPECT_EQ(duration_text(0.25), "0.25 s");
  EXPECT_EQ(duration_text(25.1), "25.1 s");
  EXPECT_EQ(duration_text(41 * 60), "41 min");
  EXPECT_EQ(duration_text(125 * 60), "2 h 5 min");
}

TEST(Units, CountsAreGrouped) {
  EXPECT_EQ(count_text(7), "7");
  EXPECT_EQ(count_text(123), "123");
  EXPECT_EQ(count_text(8'030'261'248), "8,030,261,248");
  EXPECT_EQ(plural(1, "file"), "1 file");
  EXPECT_EQ(plural(1200, "file"), "1,200 files");
}

}  // namespace
}  // namespace recast::cli

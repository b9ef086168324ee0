#include "base/error.h"

#include <gtest/gtest.h>

#include <set>

namespace recast {
namespace {

TEST(ErrorCodes, NumbersAndSymbolsAreUniqueAndMatchTheirGroup) {
  std::set<std::string_view> seen;
  for (const ErrorCode* code : all_error_codes()) {
    EXPECT_TRUE(seen.insert(code->id).second) << code->id;
    EXPECT_TRUE(seen.insert(code->symbol).second) << code->symbol;
    EXPECT_EQ(code->id.size(), 5u) << code->id;
    EXPECT_FALSE(code->meaning.empty());
    EXPECT_FALSE(code->fix.empty()) << code->id;
    EXPECT_EQ(find_error_code(code->symbol), code);
    EXPECT_EQ(code->kind == ErrorKind::warning, code->id[0] == 'W') << code->id;
  }
}

TEST(Printable, EscapesControlBytesAndBrokenUtf8) {
  EXPECT_EQ(printable("a\n\x1b[2J"), "a\\x0a\\x1b[2J");
  EXPECT_EQ(printable("\xff" "a"), "\\xffa");
  EXPECT_EQ(printable("\xc2\x9b" "2J"), "\\xc2\\x9b2J");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(printable("h\xc3\xa9llo \xf0\x9f\x98\x80"), "h\xc3\xa9llo \xf0\x9f\x98\x80");
  EXPECT_LE(printable(std::string(5000, 'x')).size(), 203u);
}

TEST(ErrorKinds, ExitCodesAreThoseOfTheSpecification) {
  EXPECT_EQ(exit_code(ErrorKind::mismatch), 1);
  EXPECT_EQ(exit_code(ErrorKind::unreadable), 3);
  EXPECT_EQ(exit_code(ErrorKind::unsafe), 4);
  EXPECT_EQ(exit_code(ErrorKind::conflict), 7);
  EXPECT_EQ(http_status(ErrorKind::conflict), 409);
  EXPECT_EQ(http_status(ErrorKind::resource), 507);
}

}  // namespace
}  // namespace recast

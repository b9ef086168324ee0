#include "cli/terminal.h"

#include <gtest/gtest.h>

#include <map>

namespace recast::cli {
namespace {

Environment variables(std::map<std::string, std::string> values) {
  return [values](const char* name) -> const char* {
    const auto at = values.find(name);
    return at == values.end() ? nullptr : at->second.c_str();
  };
}

bool color(bool tty, ColorMode mode, std::map<std::string, std::string> values) {
  return describe_terminal(tty, 0, mode, variables(std::move(values))).color;
}

TEST(Terminal, ColorFollowsStreamEnvironmentAndOption) {
  constexpr auto automatic = ColorMode::automatic;
  EXPECT_TRUE(color(true, automatic, {}));
  EXPECT_FALSE(color(false, automatic, {}));
  EXPECT_FALSE(color(true, automatic, {{"NO_COLOR", "1"}}));
  EXPECT_TRUE(color(true, automatic, {{"NO_COLOR", ""}}));
  EXPECT_FALSE(color(true, automatic, {{"TERM", "dumb"}}));
  EXPECT_TRUE(color(false, automatic, {{"FORCE_COLOR", "1"}}));
  EXPECT_TRUE(color(false, ColorMode::always, {{"NO_COLOR", "1"}}));
  EXPECT_FALSE(color(true, ColorMode::never, {{"FORCE_COLOR", "1"}}));
}

TEST(Terminal, WidthComesFromTheWindowThenColumnsThenEighty) {
  const auto width = [](int window, const char* columns) {
    return describe_terminal(true, window, ColorMode::never, variables({{"COLUMNS", columns}}))
        .width;
  };
  EXPECT_EQ(width(132, "40"), 132);
  EXPECT_EQ(width(0, "40"), 40);
  EXPECT_EQ(width(0, ""), 80);
  EXPECT_EQ(width(0, "x"), 80);
}

TEST(Terminal, DrawsOnlyOnUtf8Terminals) {
  const auto unicode = [](bool tty, std::map<std::string, std::string> values) {
    return describe_terminal(tty, 0, ColorMode::never, variables(std::move(values))).unicode;
  };
  EXPECT_TRUE(unicode(true, {{"LANG", "de_DE.utf8"}}));
  EXPECT_FALSE(unicode(true, {{"LANG", "de_DE.utf8"}, {"LC_ALL", "C"}}));
  EXPECT_FALSE(unicode(false, {{"LANG", "C.UTF-8"}}));
  EXPECT_FALSE(unicode(true, {}));
}

TEST(Wrap, BreaksAtBlanksAndKeepsLongWords) {
  EXPECT_EQ(wrap("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("a /very/long/path b", 6),
            (std::vector<std::string>{"a", "/very/long/path", "b"}));
  EXPECT_EQ(wrap("one two three", 0), (std::vector<std::string>{"one two three"}));
  EXPECT_EQ(wrap("h\xc3\xa9 h\xc3\xa9", 5), (std::vector<std::string>{"h\xc3\xa9 h\xc3\xa9"}));
}

TEST(EscapeControls, ReachesEveryWordOfALongText) {
  const std::string word(150, 'x');
  const std::string text = word + " " + word + " \x1b[2J\n" + word;
  EXPECT_EQ(escape_controls(text), word + " " + word + " \\x1b[2J\\x0a" + word);
  EXPECT_EQ(escape_controls("  a  b "), "  a  b ");
}

}  // namespace
}  // namespace recast::cli

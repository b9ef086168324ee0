#include "cli/message.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/table.h"
#include "cli/warnings.h"

namespace recast::cli {
namespace {

const Terminal pipe_end;

Terminal narrow(int width) { return {.is_terminal = true, .width = width}; }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

TEST(Message, HasWhatWhereWhyAndFix) {
  const Error error(codes::truncated, {.where = "tensor \"w\"",
                                       .expected = "4096 bytes",
                                       .found = "12",
                                       .fix = "get it again",
                                       .file = "model.gguf"});
  EXPECT_EQ(render_message(error, pipe_end),
            "error[EI004]: the data is truncated\n"
            "  where  model.gguf, tensor \"w\"\n"
            "  why    expected 4096 bytes, found 12\n"
            "  fix    get it again\n");
}

TEST(Message, LeavesOutWhatIsNotKnownAndFallsBackToTheUsualFix) {
  const Error error(codes::bad_command, {.found = "\"konvert\""});
  EXPECT_EQ(render_message(error, pipe_end),
            "error[EU003]: unknown command\n"
            "  why    found \"konvert\"\n"
            "  fix    recast --help lists the commands\n");
}

TEST(Message, CorruptInputOfConvertSaysTheKnownPhraseAndNamesValidate) {
  const MessageContext context{.command = "convert", .source = "my model"};
  const Error error(codes::empty_file, {.file = "my model/a.gguf"});
  const std::string text = render_message(error, pipe_end, context);
  EXPECT_EQ(text.find("error[EI007]: Conversion failed with format error: the file is empty\n"),
            0u);
  EXPECT_NE(text.find("recast validate 'my model';"), std::string::npos);
  const Error own(codes::empty_file, {.fix = "own fix"});
  EXPECT_NE(render_message(own, pipe_end, context).find("  fix    own fix\n"), std::string::npos);
  // Other commands and other kinds keep their words.
  EXPECT_EQ(render_message(error, pipe_end, {.command = "inspect"}).find("Conversion"),
            std::string::npos);
  EXPECT_EQ(render_message(Error(codes::file_missing, {}), pipe_end, context).find("Conversion"),
            std::string::npos);
}

TEST(Message, NeverHasMoreThanEightLinesNorControlBytes) {
  std::string words;
  for (int i = 0; i < 200; ++i) words += "word ";
  const Error error(codes::read_failed, {.where = words + "\x1b[2J",
                                         .expected = words,
                                         .found = "a\nb\r",
                                         .fix = words,
                                         .file = std::string("\x07") + "bell"});
  for (const Terminal& terminal : {narrow(40), narrow(100)}) {
    const std::string text = render_message(error, terminal);
    EXPECT_LE(lines_of(text).size(), 8u);
    EXPECT_EQ(text.find_first_of("\x1b\r\x07"), std::string::npos);
  }
  const std::string plain = render_message(error, pipe_end);
  EXPECT_EQ(lines_of(plain).size(), 4u);
  EXPECT_NE(plain.find("\\x1b[2J"), std::string::npos);
  EXPECT_NE(plain.find("a\\x0ab\\x0d"), std::string::npos);
}

TEST(Message, WrapsToTheTerminalOnly) {
  const Error error(codes::unknown_content,
                    {.expected = "one of the many formats that this program knows how to read",
                     .found = "something else that is not one of them at all"});
  for (const std::string& line : lines_of(render_message(error, narrow(50))))
    EXPECT_LE(display_width(line), 54) << line;  // a cut field ends in " ..."
  EXPECT_EQ(lines_of(render_message(error, pipe_end)).size(), 3u);
}

TEST(Message, ShowsTwoFurtherProblems) {
  Error error(codes::file_missing, {.file = "a"});
  for (const char* name : {"b", "c", "d"})
    error.more.emplace_back(codes::empty_file, ErrorFacts{.file = name});
  const std::string text = render_message(error, pipe_end);
  EXPECT_NE(text.find("  where  c\n"), std::string::npos);
  EXPECT_EQ(text.find("  where  d\n"), std::string::npos);
}

TEST(Message, JsonHoldsTheDocumentedMembersInOrder) {
  const Error error(codes::truncated, {.where = "offset 12 (0xc)", .found = "3", .file = "m"});
  EXPECT_EQ(json::write(message_json(error)),
            "{\"code\": \"EI004\", \"kind\": \"corrupt\", \"exit\": 4, \"what\": \"the data is "
            "truncated\", \"file\": \"m\", \"where\": \"offset 12 (0xc)\", \"expected\": \"\", "
            "\"found\": \"3\", \"fix\": \"get the file again; recast validate shows how much is "
            "there\"}");
  const Error back = error_from_json(message_json(error));
  EXPECT_EQ(back.code, &codes::truncated);
  EXPECT_EQ(back.where, error.where);
  EXPECT_EQ(back.file, "m");
}

TEST(Message, OutOfMemorySpeaksOfConversionOnlyThere) {
  const Error error(codes::out_of_memory, {});
  const std::string text = render_message(error, pipe_end, {.command = "convert"});
  EXPECT_EQ(text.find("error[ER005]: Out of memory during conversion\n"), 0u);
  EXPECT_NE(text.find("--memory"), std::string::npos);
  EXPECT_EQ(
      render_message(error, pipe_end, {.command = "inspect"}).find("error[ER005]: Out of memory\n"),
      0u);
}

TEST(WarningLog, CountsRepeatsAndNamesTheFirstThree) {
  WarningLog log;
  EXPECT_TRUE(log.empty());
  for (int i = 0; i < 17; ++i) log.add({codes::read_failed, {.where = std::to_string(i)}});
  EXPECT_FALSE(log.add({codes::read_failed, {.where = "16"}}));
  EXPECT_TRUE(log.add({codes::empty_file, {.file = "x"}}));
  const std::vector<Finding> grouped = log.grouped();
  ASSERT_EQ(grouped.size(), 2u);
  EXPECT_EQ(grouped[0].where, "17 places: 0; 1; 2 ...");
  EXPECT_EQ(grouped[1].where, "");
  EXPECT_EQ(log.documents()[0].find("count")->as_uint(), 17u);
  EXPECT_EQ(log.documents()[1].find("count"), nullptr);
}

TEST(Table, IsAlignedOnATerminalAndTabSeparatedElsewhere) {
  const std::vector<std::vector<std::string>> rows = {{"a", "1", "x"}, {"b\nc", "22", ""}};
  EXPECT_EQ(render_table(rows, pipe_end), "a\t1\tx\nb\\x0ac\t22\t\n");
  EXPECT_EQ(render_table(rows, narrow(80), {1}), "a        1  x\nb\\x0ac  22\n");
}

}  // namespace
}  // namespace recast::cli

// Help, manual pages, completions and environment names come from one table; here each is read back
// and compared with it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/terminal.h"

namespace recast::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

// Whether `name` stands in `text` as a word of its own.
bool mentions(const std::string& text, const std::string& name) {
  const auto part_of_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  };
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (end == text.size() || !part_of_word(text[end])) return true;
  }
  return false;
}

TEST(Help, BriefFitsTwentyFourLinesOfEightyColumns) {
  for (const Command* command : commands()) {
    const auto lines = lines_of(brief_help(*command));
    EXPECT_LE(lines.size(), 24u) << command->name;
    for (const std::string& line : lines) EXPECT_LE(line.size(), 80u) << line;
    EXPECT_LE(words(command->frequent).size(), 10u);
    for (const Example& example : command->examples)
      EXPECT_TRUE(mentions(brief_help(*command), std::string(example.says))) << example.says;
  }
  EXPECT_LE(lines_of(brief_help()).size(), 24u);
}

TEST(Help, FullIsEightyColumnsWide) {
  for (const Command* command : commands())
    for (const std::string& line : lines_of(full_help(*command)))
      EXPECT_LE(line.size(), 80u) << line;
  for (const std::string& line : lines_of(full_help())) EXPECT_LE(line.size(), 80u) << line;
  for (const std::string& line : lines_of(brief_help())) EXPECT_LE(line.size(), 80u) << line;
}

TEST(Help, NamesCommandsFormatsAndPairs) {
  for (const std::string& text : {full_help(), brief_help()})
    for (const Command* command : commands())
      EXPECT_TRUE(mentions(text, std::string(command->name)));
  EXPECT_TRUE(mentions(full_help(), "list pairs"));
  EXPECT_TRUE(mentions(full_help(convert_command), "list pairs"));
  EXPECT_TRUE(mentions(full_help(convert_command), "Formats:"));
}

TEST(Tables, EveryRowIsInHelpManPageAndCompletions) {
  const std::string bash = completion_script("bash");
  const std::string zsh = completion_script("zsh");
  const std::string fish = completion_script("fish");
  for (const Command* command : commands()) {
    std::string page = man_page(*command);
    std::erase(page, '\\');
    for (const OptionRow* row : all_options(*command)) {
      std::vector<std::string_view> names = words(row->aliases);
      names.push_back(row->name);
      for (std::string_view name : names) {
        const std::string flag = fmt::format("--{}", name);
        EXPECT_TRUE(mentions(full_help(*command), flag)) << flag;
        EXPECT_TRUE(mentions(page, flag)) << flag;
        EXPECT_TRUE(mentions(bash, flag)) << flag;
        EXPECT_TRUE(mentions(zsh, flag)) << flag;
        EXPECT_TRUE(mentions(fish, fmt::format("-l {}", name))) << flag;
      }
      const std::string variable = environment_name(*row);
      EXPECT_EQ(variable.empty(), row->name == "help" || row->name == "version");
      EXPECT_TRUE(variable.empty() || mentions(page, variable)) << variable;
      EXPECT_FALSE(row->help.empty());
    }
  }
}

TEST(Tables, ShortFlagsMeanTheSameInEveryCommand) {
  std::map<char, std::string_view> meaning;
  for (const Command* command : commands())
    for (const OptionRow* row : all_options(*command)) {
      if (!row->short_name) continue;
      const auto [at, is_new] = meaning.emplace(row->short_name, row->name);
      EXPECT_TRUE(is_new || at->second == row->name) << row->short_name;
    }
}

TEST(Tables, NamesAreUniqueAndFrequentOptionsExist) {
  std::set<std::string_view> names;
  for (const Command* command : commands()) {
    EXPECT_TRUE(names.insert(command->name).second) << command->name;
    for (std::string_view alias : words(command->aliases)) {
      EXPECT_TRUE(names.insert(alias).second) << alias;
      EXPECT_EQ(find_command(alias), command);
    }
    for (std::string_view name : words(command->frequent))
      EXPECT_NE(find_option(*command, name), nullptr) << command->name << " " << name;
    std::set<std::string_view> flags;
    for (const OptionRow* row : all_options(*command)) {
      EXPECT_TRUE(flags.insert(row->name).second) << row->name;
      for (std::string_view alias : words(row->aliases))
        EXPECT_TRUE(flags.insert(alias).second) << alias;
    }
  }
}

TEST(Completion, OffersEveryCommandByEveryName) {
  const std::string bash = completion_script("bash");
  const std::string zsh = completion_script("zsh");
  const std::string fish = completion_script("fish");
  for (const Command* command : commands()) {
    std::vector<std::string_view> names = words(command->aliases);
    names.push_back(command->name);
    for (std::string_view name : names) {
      EXPECT_TRUE(mentions(bash, std::string(name)));
      EXPECT_NE(zsh.find(fmt::format("'{}:", name)), std::string::npos) << name;
      EXPECT_TRUE(mentions(fish, fmt::format("__fish_use_subcommand -a {}", name))) << name;
    }
  }
}

TEST(Tables, EnvironmentNamesFollowTheRule) {
  EXPECT_EQ(environment_name(*find_option(convert_command, "memory")), "RECAST_MEMORY");
  EXPECT_EQ(environment_name(*find_option(convert_command, "split-max-size")),
            "RECAST_SPLIT_MAX_SIZE");
  EXPECT_EQ(find_option(convert_command, "max_memory"), find_option(convert_command, "memory"));
}

TEST(ManPage, HidesNoTextBehindRoffRequests) {
  for (const Command* command : commands())
    for (const std::string& line : lines_of(man_page(*command))) {
      if (line[0] != '.') continue;
      const std::string request = line.substr(0, line.find(' '));
      EXPECT_TRUE(request == ".TH" || request == ".SH" || request == ".SS" || request == ".TP" ||
                  request == ".B" || request == ".BR" || request == ".PP")
          << line;
    }
}

}  // namespace
}  // namespace recast::cli

#include "cli/parse.h"

#include <gtest/gtest.h>

#include <map>

namespace recast::cli {
namespace {

using Words = std::vector<std::string>;

Parsed parsed(Words arguments, std::map<std::string, std::string> variables = {}) {
  return parse(arguments, [variables](const char* name) -> const char* {
    const auto at = variables.find(name);
    return at == variables.end() ? nullptr : at->second.c_str();
  });
}

Error refusal(Words arguments, std::map<std::string, std::string> variables = {}) {
  try {
    parsed(std::move(arguments), std::move(variables));
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "not refused";
  return Error(codes::bug, {});
}

TEST(Parse, FlagsStandAnywhereAndBothFormsAreEqual) {
  for (const Words& words : std::vector<Words>{{"convert", "m", "-t", "gguf", "-j4"},
                                               {"convert", "--to=gguf", "--threads", "4", "m"},
                                               {"-j", "4", "convert", "-t", "gguf", "m"},
                                               {"--to", "gguf", "c", "-j", "4", "m"},
                                               {"convert", "--format", "gguf", "m", "--threads=4"},
                                               {"convert", "-t", "gguf", "-j4", "--", "m"}}) {
    const Parsed p = parsed(words);
    EXPECT_EQ(p.command, &convert_command);
    EXPECT_EQ(p.operands, Words{"m"});
    EXPECT_EQ(p.value("to"), "gguf");
    EXPECT_EQ(p.value("threads"), "4");
  }
}

TEST(Parse, DoubleDashEndsFlagsAndASingleOneIsAStream) {
  EXPECT_EQ(parsed({"inspect", "--", "-x"}).operands, Words{"-x"});
  EXPECT_EQ(parsed({"convert", "-", "-o", "-"}).operands, Words{"-"});
  EXPECT_EQ(parsed({"convert", "-", "-o", "-"}).value("output"), "-");
}

TEST(Parse, ValuesAreTakenAsTheyAre) {
  const Parsed p = parsed({"convert", "m", "--metadata", "a=-1", "--metadata", "b=[x,y]", "-o",
                           "--odd", "--model-type", "a b"});
  EXPECT_EQ(p.count("metadata"), 2);
  EXPECT_EQ(p.given[0].value, "a=-1");
  EXPECT_EQ(p.given[1].value, "b=[x,y]");
  EXPECT_EQ(p.value("output"), "--odd");
  EXPECT_EQ(p.value("model-type"), "a b");
}

TEST(Parse, OptionalValuesNeedAnEqualsSign) {
  EXPECT_EQ(parsed({"convert", "--journal", "m"}).operands, Words{"m"});
  EXPECT_TRUE(parsed({"convert", "--journal", "m"}).has("journal"));
  EXPECT_EQ(parsed({"convert", "--journal=64M", "m"}).value("journal"), "64M");
}

TEST(Parse, SwitchesCountAndCanBeTurnedOff) {
  EXPECT_EQ(parsed({"doctor", "-qq"}).count("quiet"), 2);
  EXPECT_EQ(parsed({"doctor", "-q", "--quiet"}).count("quiet"), 2);
  EXPECT_FALSE(parsed({"convert", "m", "--force", "--force=false"}).has("force"));
  EXPECT_TRUE(parsed({"convert", "m", "--force=yes"}).has("force"));
  EXPECT_EQ(refusal({"convert", "m", "--force=maybe"}).code, &codes::bad_value);
}

TEST(Parse, ShortAndFullHelpDifferAndNeedNoOperands) {
  EXPECT_EQ(parsed({"convert", "-h"}).help, HelpWish::brief);
  EXPECT_EQ(parsed({"-h"}).help, HelpWish::brief);
  EXPECT_EQ(parsed({"--help", "convert", "-h"}).help, HelpWish::full);
  EXPECT_TRUE(parsed({"--version"}).version);
  EXPECT_EQ(parsed({}).command, nullptr);
}

TEST(Parse, SuggestsTheNearestNameAndNeverRunsIt) {
  const Error command = refusal({"konvert", "m"});
  EXPECT_EQ(command.code, &codes::bad_command);
  EXPECT_EQ(command.fix, "did you mean recast convert?");
  EXPECT_EQ(refusal({"conv", "m"}).code, &codes::bad_command);  // no abbreviations
  const Error option = refusal({"convert", "m", "--memroy=1G"});
  EXPECT_EQ(option.code, &codes::bad_option);
  EXPECT_EQ(option.found, "--memroy");
  EXPECT_EQ(option.fix, "did you mean --memory?");
  EXPECT_EQ(refusal({"convert", "m", "--mem", "1G"}).code, &codes::bad_option);
  EXPECT_EQ(refusal({"convert", "m", "-Z"}).found, "-Z");
  EXPECT_EQ(refusal({"validate", "m", "--threads", "2"}).code, &codes::bad_option);
}

TEST(Parse, RefusesMissingDoubledAndSuperfluousArguments) {
  EXPECT_EQ(refusal({"validate"}).code, &codes::missing_argument);
  EXPECT_EQ(refusal({"convert", "m", "-o"}).code, &codes::missing_argument);
  EXPECT_EQ(refusal({"convert", "m", "--output=", "x"}).code, &codes::missing_argument);
  EXPECT_EQ(refusal({"convert", "a", "b", "c"}).found, "\"c\"");
  EXPECT_EQ(refusal({"version", "x"}).code, &codes::extra_argument);
  EXPECT_EQ(refusal({"convert", "m", "-t", "gguf", "--to", "npz"}).code, &codes::option_twice);
}

TEST(Parse, FlagsWinOverTheEnvironment) {
  const std::map<std::string, std::string> variables = {
      {"RECAST_THREADS", "3"},         {"RECAST_TO", "gguf"},
      {"RECAST_FORCE", "1"},           {"RECAST_MKDIR", "off"},
      {"RECAST_METADATA", "a=1\nb=2"}, {"RECAST_QUIET", "2"},
      {"RECAST_JOURNAL", "1G"},        {"RECAST_JSON", ""}};
  const Parsed p = parsed({"convert", "m", "-j", "5"}, variables);
  EXPECT_EQ(p.value("threads"), "5");
  EXPECT_EQ(p.count("threads"), 1);
  EXPECT_EQ(p.value("to"), "gguf");
  EXPECT_TRUE(p.has("force"));
  EXPECT_FALSE(p.has("mkdir"));
  EXPECT_FALSE(p.has("json"));
  EXPECT_EQ(p.count("metadata"), 2);
  EXPECT_EQ(p.count("quiet"), 2);
  EXPECT_EQ(p.value("journal"), "1G");
  EXPECT_TRUE(p.given[0].from_environment);
  EXPECT_EQ(refusal({"convert", "m"}, {{"RECAST_FORCE", "perhaps"}}).where, "RECAST_FORCE");
  // What a command does not have, its environment name does not reach.
  EXPECT_TRUE(parsed({"inspect", "m"}, {{"RECAST_FORCE", "perhaps"}}).given.empty());
}

TEST(Parse, FalseOnTheCommandLineWinsOverTheEnvironment) {
  EXPECT_FALSE(parsed({"convert", "m", "--force=no"}, {{"RECAST_FORCE", "1"}}).has("force"));
}

}  // namespace
}  // namespace recast::cli

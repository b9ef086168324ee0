#include "convert/modelfile.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "convert/convert_testing.h"
#include "convert/folder_form.h"
#include "convert/options.h"

namespace recast {
namespace {

TEST(Modelfile, TextsAreQuotedSoThatTheParserGivesThemBack) {
  EXPECT_EQ(modelfile_argument("./a-Q8_0.gguf"), "./a-Q8_0.gguf");
  EXPECT_EQ(modelfile_argument("<|im_end|>"), "\"<|im_end|>\"");
  EXPECT_EQ(modelfile_argument("a\nb"), "\"\"\"a\nb\"\"\"");
  EXPECT_EQ(modelfile_argument("\"\"x"), "\"\"\"\"\"x\"\"\"");
  // Three quotes at the end of a line close the text there: one quote does not.
  EXPECT_EQ(modelfile_argument("a \"\"\" \nb"), "");
  EXPECT_EQ(modelfile_argument("a \"\"\" b\nc"), "\"\"\"a \"\"\" b\nc\"\"\"");
  EXPECT_EQ(modelfile_argument(std::string("a\0b", 3)), "");
  EXPECT_EQ(modelfile_argument("a\xFF"), "");
}

TEST(Modelfile, WhatCannotStandThereIsWarnedAbout) {
  std::vector<Finding> warnings;
  const std::string text = modelfile_text("m.gguf", {.license = "a \"\"\"\nb"}, warnings);
  EXPECT_EQ(text, "FROM ./m.gguf\n");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, &codes::modelfile_text);
  EXPECT_EQ(convert_testing::error_of([&] { modelfile_text("m\1.gguf", {}, warnings); }).code,
            &codes::modelfile_name);
}

TEST(FolderForm, OptionAndTableHaveTheSameNames) {
  std::vector<std::string_view> names;
  for (const FolderForm* form : folder_forms()) names.push_back(form->name);
  EXPECT_EQ(find_option("layout")->values, fmt::format("{}", fmt::join(names, " ")));
}

TEST(FolderForm, NamesOfFilesAreNeverPaths) {
  EXPECT_EQ(path_component("../../etc/passwd"), "etc-passwd");
  EXPECT_EQ(path_component("Meta Llama"), "Meta-Llama");
  EXPECT_EQ(path_component("-rf ."), "rf");
  EXPECT_EQ(path_component("..."), "");
  EXPECT_EQ(path_component("\xF0\x9F\x98\x80"), "");
}

}  // namespace
}  // namespace recast

#include "tokenizer/check_tokenizer.h"

#include <gtest/gtest.h>

#include "io/memory_file.h"

namespace recast {
namespace {

MemoryFile with_pattern(const std::string& pattern) {
  return MemoryFile("tokenizer.json",
                    R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":
      {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":")" +
                        pattern + R"("},"behavior":"Isolated"}]}})");
}

TEST(CheckTokenizer, AcceptsOrdinaryPatterns) {
  EXPECT_TRUE(check_tokenizer(with_pattern("(?i:'s|'t)|\\\\p{L}+|\\\\s+(?!\\\\S)")).empty());
}

TEST(CheckTokenizer, RefusesPatternsThatDoNotCompile) {
  for (const char* pattern : {"([unclosed", "((a{1000}){1000}){1000}"}) {
    try {
      check_tokenizer(with_pattern(pattern));
      FAIL() << pattern;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, &codes::tokenizer_regex);
    }
  }
}

TEST(CheckTokenizer, WarnsOfEndlessBacktracking) {
  const auto warnings = check_tokenizer(with_pattern("^(a+)+$"));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, &codes::regex_slow);
}

TEST(CheckTokenizer, StagesOfUnknownKindAreToldByTheirPlace) {
  const auto findings = [](const std::string& stages) {
    std::string text;
    for (const Finding& f : check_tokenizer(MemoryFile(
             "t.json", R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},)" + stages + "}"))) {
      EXPECT_EQ(f.code, &codes::tokenizer_stage);
      EXPECT_EQ(f.file, "t.json");
      text += f.where + " " + f.found + "\n";
    }
    return text;
  };
  EXPECT_EQ(findings(R"("normalizer":{"type":"NFC"},"pre_tokenizer":null,"post_processor":
    {"type":"Sequence","processors":[{"type":"ByteLevel"}]},"decoder":{"type":"Fuse"})"),
            "");
  EXPECT_EQ(findings(R"("normalizer":{"type":"NFX"},"pre_tokenizer":{"type":"Sequence",
    "pretokenizers":[{"type":"Digits"},{"type":"Fuse"}]},"post_processor":{"a":1},
    "decoder":{"type":7})"),
            "key \"normalizer\" \"NFX\"\n"
            "key \"pre_tokenizer.pretokenizers[1]\" \"Fuse\"\n"
            "key \"post_processor\" no type\n"
            "key \"decoder\" 7\n");
}

TEST(CheckTokenizer, TellsTokenizersFromOtherFiles) {
  EXPECT_TRUE(probe_tokenizer(with_pattern("a")));
  EXPECT_TRUE(probe_tokenizer(MemoryFile("x", "\n\x05")));
  EXPECT_FALSE(probe_tokenizer(MemoryFile("x", "{\"hidden_size\": 8}")));
  EXPECT_FALSE(probe_tokenizer(MemoryFile("x", "GGUF")));
}

}  // namespace
}  // namespace recast

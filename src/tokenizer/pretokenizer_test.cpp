#include "tokenizer/pretokenizer.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "io/hash.h"

namespace recast {
namespace {

std::string sha256(const std::string& text) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hash.hex();
}

PreTokenizerFacts facts_of(std::string stages, std::string model_type = "", bool ignore = false) {
  return {.stages = std::move(stages),
          .normalizer = "none",
          .ignore_merges = ignore,
          .model_type = std::move(model_type),
          .file = "tokenizer.json"};
}
std::string name_of(const PreTokenizerFacts& facts) {
  std::vector<Finding> warnings;
  return choose_pre(facts, "", warnings);
}

// First 12 digits of the SHA-256 of the patterns of published files, measured there.
TEST(PreTokenizer, PatternsAreThoseOfPublishedFiles) {
  const std::map<std::string, std::string> published = {
      {"L3", "d98f9631be1e"},   {"Q2", "1ff7f4106489"},   {"CPM", "b0978c39ffab"},
      {"UFA", "4aa230098215"},  {"Q35", "00431aed57e6"},  {"SEED", "6fad6d433859"},
      {"JAIS", "62af39e77582"}, {"BAIL", "8327a0649c7e"}, {"EXM", "d5b3271f51c7"},
      {"TEK", "1d64a9a8eaf9"},  {"O2", "2d1b8dc11e89"},   {"HAN", "b17444129c80"},
      {"DSM", "8e741adfc891"},  {"SPK", "39c2fb2cb5dc"},  {"BLM", "c997711b730d"},
      {"CH3", "a9e31f463e1b"},  {"DSL2", "38fd0b5eb7e6"}, {"DSL3", "ae6bc1cffa83"}};
  size_t seen = 0;
  for (const SplitPattern& pattern : split_patterns()) {
    EXPECT_EQ(canonical_pattern(pattern.text), pattern.text);
    const auto expected = published.find(pattern.name);
    if (expected == published.end()) continue;
    ++seen;
    EXPECT_EQ(sha256(pattern.text).substr(0, 12), expected->second) << pattern.name;
  }
  EXPECT_EQ(seen, published.size());
}

TEST(PreTokenizer, EveryNameOfTheRuntimeIsInOneRow) {
  std::set<std::string_view> names;
  for (const PreRow& row : pre_rows())
    for (const std::string_view name : row.names) EXPECT_TRUE(names.insert(name).second) << name;
  EXPECT_EQ(names.size(), 90u);
  for (const PreRow& row : pre_rows())
    for (const FamilyName& family : row.families) EXPECT_TRUE(names.contains(family.name));
  for (const FamilyName& usual : usual_pre_names()) EXPECT_TRUE(names.contains(usual.name));
}

TEST(PreTokenizer, BuiltStagesReadBackTheSame) {
  int built = 0;
  for (const PreRow& row : pre_rows()) {
    if (row.stages.empty()) continue;
    ASSERT_TRUE(buildable_stages(row.stages)) << row.stages;
    EXPECT_EQ(canonical_stages(build_pre_tokenizer(row.stages)), row.stages);
    ++built;
  }
  EXPECT_GE(built, 30);
  EXPECT_FALSE(buildable_stages(""));
  EXPECT_FALSE(buildable_stages("B X"));
}

TEST(PreTokenizer, RawLineEndsAndSingleRepeatsDoNotMatter) {
  EXPECT_EQ(canonical_pattern("[\r\n\t]\\p{N}{1}"), "[\\r\\n\\t]\\p{N}");
  EXPECT_EQ(canonical_pattern("\\p{N}{1,3}"), "\\p{N}{1,3}");
}

TEST(PreTokenizer, OtherSpellingsOfAStageStayApart) {
  const auto stages = [](std::string_view text) {
    return canonical_stages(json::parse(text, json::ParseOptions{}));
  };
  EXPECT_EQ(stages("null"), "none");
  EXPECT_EQ(stages(R"({"type":"ByteLevel","add_prefix_space":true})"), "Bg[add_prefix_space]");
  EXPECT_EQ(stages(R"({"type":"S(L3) B"})"), "[S(L3) B]");
  EXPECT_EQ(
      stages(R"({"type":"Split","pattern":{"Regex":"[0-9]"},"behavior":"Removed","invert":true})"),
      "S(DIGIT)");
  EXPECT_NE(
      stages(R"({"type":"Split","pattern":{"Regex":"[0-9]"},"behavior":"Removed","invert":false})"),
      "S(DIGIT)");
  EXPECT_NE(stages(R"({"type":"Split","pattern":{"String":"[0-9]"},"behavior":"Isolated"})"),
            "S(DIGIT)");
}

TEST(PreTokenizer, StagesChooseTheRowAndTheFamilyOnlyTheName) {
  EXPECT_EQ(name_of(facts_of("S(L3) B", "llama", true)), "llama-bpe");
  EXPECT_EQ(name_of(facts_of("S(L3) B", "lfm2_moe", true)), "lfm2");
  EXPECT_EQ(name_of(facts_of("S(L3) B", "llama")), "smaug-bpe");
  EXPECT_EQ(name_of(facts_of("S(L3) B", "glm4")), "glm4");
  EXPECT_EQ(name_of(facts_of("S(Q2) B", "stablelm")), "stablelm2");
  EXPECT_EQ(name_of(facts_of("S(Q2) B", "llama")), "qwen2");
  EXPECT_EQ(name_of(facts_of("S(O2) B", "exaone4")), "gpt-4o");
  EXPECT_EQ(name_of(facts_of("D1 Bg", "cohere2")), "command-r");
  EXPECT_EQ(name_of(facts_of("D1 Bg", "granitemoe")), "refact");
  EXPECT_EQ(name_of(facts_of("S(O2) B", "modernbert", true)), "granite-embed-multi-97m");
  auto roberta = facts_of("Bg", "roberta");
  roberta.roberta_processing = true;
  EXPECT_EQ(name_of(roberta), "roberta-bpe");
  auto olmo = facts_of("Bg", "olmo");
  olmo.normalizer = "NFC";
  EXPECT_EQ(name_of(olmo), "olmo");
}

TEST(PreTokenizer, KnownDifferencesWarn) {
  std::vector<Finding> warnings;
  EXPECT_EQ(choose_pre(facts_of("S(TEK) B"), "", warnings), "tekken");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, &codes::pre_differs);
  EXPECT_NE(warnings[0].found.find("272"), std::string::npos);
  auto facts = facts_of("S(Q2) B", "qwen2", true);
  facts.normalizer = "NFC";
  warnings.clear();
  choose_pre(facts, "", warnings);
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_EQ(warnings[1].code, &codes::normalizer_lost);
  warnings.clear();
  EXPECT_EQ(choose_pre(facts_of("P Bg D1"), "", warnings), "falcon");
  EXPECT_TRUE(warnings.empty());
}

TEST(PreTokenizer, UnknownStagesAreRefusedWithTheNearestName) {
  try {
    name_of(facts_of("S(/x+/) Bg"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, &codes::pre_unknown);
    EXPECT_EQ(error.code->kind, ErrorKind::unsupported);
    EXPECT_NE(error.found.find("S(/x+/) Bg"), std::string::npos);
    EXPECT_NE(error.fix.find("--pre"), std::string::npos);
  }
  auto facts = facts_of("Bg");
  facts.normalizer = "Lowercase";
  EXPECT_THROW(name_of(facts), Error);
  EXPECT_THROW(name_of(facts_of("B")), Error);
}

TEST(PreTokenizer, OverrideWinsButMustBeAName) {
  std::vector<Finding> warnings;
  EXPECT_EQ(choose_pre(facts_of("S(/x+/) B"), "default", warnings), "default");
  EXPECT_THROW(choose_pre(facts_of("Bg"), "no-such-name", warnings), Error);
}

}  // namespace
}  // namespace recast

#include "wire/yaml.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "io/memory_file.h"
#include "wire/caught.h"

namespace recast::yaml {
namespace {

constexpr std::string_view document = R"(language:
- en
- no
- "de"
license: apache-2.0
version: 1.0
count: 12
neg: -3
exp: 1.5e+3
tags: [text-generation, 'a: b', "q\"uote\u00e9"]
flag: true
other: False
nothing:
tilde: ~
base_model:
- name: X
  organization: &o "Org"
  url: https://huggingface.co/a/b
- {name: Y, organization: *o}
text: |
  line one
  line two
folded: >-
  a
  b
date_text: "2024-01-01"
# comment
empty: []
emptymap: {}
quoted: "12"
long key: some plain text # c
)";

// What PyYAML 6.0.3 makes of the document (with `no` in quotes, as model cards are read).
constexpr std::string_view expected =
    R"({"language": ["en", "no", "de"], "license": "apache-2.0", "version": 1.0, "count": 12, )"
    R"("neg": -3, "exp": 1500.0, "tags": ["text-generation", "a: b", "q\"uoteé"], "flag": true, )"
    R"("other": false, "nothing": null, "tilde": null, "base_model": [{"name": "X", "organization": )"
    R"("Org", "url": "https://huggingface.co/a/b"}, {"name": "Y", "organization": "Org"}], "text": )"
    R"("line one\nline two\n", "folded": "a b", "date_text": "2024-01-01", "empty": [], )"
    R"("emptymap": {}, "quoted": "12", "long key": "some plain text"})";

json::Value read(std::string_view text) { return parse(text, {.file = "card.yaml"}); }

TEST(Yaml, ReadsWhatPyYamlReads) {
  EXPECT_EQ(json::write(read(document), 1),
            json::write(
                [] {
                  json::Value value = json::parse(expected, {});
                  value.set("exp", json::Number{"1.5e+3"});  // numbers stay as spelled
                  return value;
                }(),
                1));
}

TEST(Yaml, TypesOfPlainScalarsAreThoseOfJson) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"no", R"("no")"},
      {"yes", R"("yes")"},
      {"on", R"("on")"},
      {"Off", R"("Off")"},
      {"true", "true"},
      {"TRUE", "true"},
      {"'true'", R"("true")"},
      {"null", "null"},
      {"\"~\"", R"("~")"},
      {"1.0", "1.0"},
      {"-0.5e-3", "-0.5e-3"},
      {"010", R"("010")"},
      {"0x10", R"("0x10")"},
      {"+5", R"("+5")"},
      {".5", R"(".5")"},
      {"1.", R"("1.")"},
      {"1e", R"("1e")"},
      {"-", "[null]"},
      {"1_000", R"("1_000")"},
      {"2024-01-01", R"("2024-01-01")"},
      {"12:30", R"("12:30")"},
      {".nan", R"(".nan")"},
      {"!!str 5", R"("5")"},
      {"! 5", "5"},
      {"", "null"},
      {"# c", "null"},
      {"1: a", R"({"1": "a"})"},
      {"~: a", R"({"~": "a"})"},
      {"&k a: b\nc: *k", R"({"a": "b", "c": "a"})"},
      {"{a: &x [1, *y]}", ""},
  };
  for (const auto& [text, wanted] : rows) {
    if (wanted.empty())
      EXPECT_EQ(symbol_of(caught([&] { read(text); })), "yaml_syntax");
    else
      EXPECT_EQ(json::write(read(text)), wanted) << text;
  }
}

TEST(Yaml, RefusesByNameAndLine) {
  struct Row {
    std::string text;
    std::string_view symbol, word;
  };
  std::string laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 10; ++i) {
    laughs +=
        fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
    deep += fmt::format("a{0}: &a{0} [[[[[[[[[[*a{1}]]]]]]]]]]\n", i, i - 1);
  }
  std::string copies = fmt::format("s: &s {}\nl:\n", std::string(100000, 'x'));
  for (int i = 0; i < 1000; ++i) copies += "- *s\n";
  const Row rows[] = {
      {"a: [1", "yaml_syntax", "line 2"},
      {"a: 1\n b: 2", "yaml_syntax", "line 2"},
      {"a: \"x", "yaml_syntax", "line"},
      {"a: 1\nb: 2\na: 3", "yaml_syntax", "\"a\" twice"},
      {"a: 1\n---\nb: 2", "yaml_syntax", "second"},
      {"? [1]\n: 2", "yaml_syntax", "key"},
      {"a: &k [1]\n*k : 2", "yaml_syntax", "key"},
      {"a: *b", "yaml_syntax", "*b"},
      {"&a [*a]", "yaml_syntax", "*a"},
      {"!!python/object/apply:os.system [x]", "yaml_syntax", "python"},
      {"!!binary aGk=", "yaml_syntax", "tag"},
      {"a: \xff", "yaml_syntax", "UTF-8"},
      {"a: \x01", "yaml_syntax", "control"},
      {std::string(1000, '['), "yaml_limit", "64 levels"},
      {std::string((1 << 20) + 1, ' '), "yaml_limit", "1048577 bytes"},
      {laughs, "yaml_limit", "values"},
      {deep, "yaml_limit", "levels"},
      {copies, "yaml_limit", "values"},
  };
  for (const Row& row : rows) {
    const Error error = caught([&] { read(row.text); });
    EXPECT_EQ(symbol_of(error), row.symbol) << printable(row.text);
    EXPECT_NE(all_text(error).find(row.word), std::string::npos)
        << printable(row.text) << " gives " << all_text(error);
    EXPECT_EQ(error.file, "card.yaml");
  }
}

TEST(Yaml, SurvivesEveryChangedByteAndEveryTruncation) {
  int accepted = 0, refused = 0;
  const auto attempt = [&](std::string_view text) {
    ++(caught([&] { read(text); }).code ? refused : accepted);
  };
  for (size_t i = 0; i < document.size(); ++i) {
    attempt(document.substr(0, i));
    std::string changed(document);
    for (int byte = 0; byte < 256; byte += 3) {
      changed[i] = static_cast<char>(byte);
      attempt(changed);
    }
  }
  EXPECT_GT(accepted, 5000);
  EXPECT_GT(refused, 5000);
}

std::string members(std::string_view card) {
  const FrontMatter matter = parse_front_matter(card, "README.md");
  EXPECT_FALSE(matter.warning) << matter.warning->what();
  return json::write(matter.members);
}

TEST(FrontMatter, StandsBetweenTwoLinesOfThreeDashes) {
  EXPECT_EQ(members("---\nlicense: mit\nlanguage: no\n---\n# Model\n---\n"),
            R"({"license": "mit", "language": "no"})");
  EXPECT_EQ(members("---\r\nlicense: mit\r\nlist:\r\n\t- a\r\n---\r\n"),
            R"({"license": "mit", "list": ["a"]})");
  EXPECT_EQ(members("---\na: 1\n---"), R"({"a": 1})");
  for (const std::string_view none :
       {"", "---", "# Model\n---\na: 1\n---\n", " ---\na: 1\n---\n", "----\na: 1\n---\n",
        "---\n---\n", "---\n# nothing\n---\ntext"})
    EXPECT_EQ(members(none), "{}") << none;
}

TEST(FrontMatter, IsAWarningWhenItCannotBeRead) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"---\na: 1\n", "no closing"},     {"---\na: [1\n---\n", "line"},
      {"---\n- a\n- b\n---\n", "array"}, {"---\na: 1\na: 2\n---\n", "twice"},
      {"---\na: \xff\n---\n", "UTF-8"},
  };
  for (const auto& [card, word] : rows) {
    const FrontMatter matter = parse_front_matter(card, "README.md");
    ASSERT_TRUE(matter.warning) << card;
    EXPECT_EQ(matter.warning->code, &codes::front_matter);
    EXPECT_EQ(matter.warning->file, "README.md");
    EXPECT_NE(all_text(*matter.warning).find(word), std::string::npos) << all_text(*matter.warning);
    EXPECT_TRUE(matter.members.empty());
  }
}

TEST(FrontMatter, IsReadFromAFile) {
  const std::string card = "---\na: b\n---\n" + std::string(2 << 20, 'x');
  const FrontMatter matter = read_front_matter(MemoryFile("README.md", card));
  EXPECT_EQ(json::write(matter.members), R"({"a": "b"})");
}

TEST(FrontMatter, OfRealModelCardsIsReadable) {
  const char* shared = std::getenv("RECAST_SHARED");
  if (!shared) GTEST_SKIP() << "RECAST_SHARED is not set";
  int cards = 0;
  for (const auto& folder :
       std::filesystem::directory_iterator(std::string(shared) + "/refs/quantized")) {
    const auto path = folder.path() / "README.md";
    if (!std::filesystem::exists(path)) continue;
    const FrontMatter matter = read_front_matter(*open_file(path.string()));
    EXPECT_FALSE(matter.warning) << path;
    cards += !matter.members.empty();
  }
  std::cout << cards << " model cards with front matter\n";
  EXPECT_GT(cards, 0);
}

TEST(Yaml, WrittenMembersReadBackAsTheyWere) {
  const json::Object members{
      {"plain", "apache-2.0"},
      {"words", json::Array{json::Value("yes"), json::Value("null"), json::Value("1.0"),
                            json::Value("~"), json::Value(""), json::Value("0x10")}},
      {"lines", "---\na: b\n...\n"},
      {"signs", "{a: [b, *c, &d, !!e] # f | > ' \" \\"},
      {"control", std::string("a\x01\x7F\xC2\x85", 5)},
      {"nested", json::Object{{"list", json::Array{json::Value(json::Object{{"x", 1}})}},
                              {"empty", json::Object{}},
                              {"none", nullptr},
                              {"flag", true}}},
      {"a key: with signs", 0.5}};
  const std::string text = write(members);
  EXPECT_EQ(parse(text, {}), json::Value(members)) << text;
  EXPECT_EQ(text.find("\n---"), text.npos) << text;
}

TEST(Yaml, BrokenUtf8IsReplaced) {
  EXPECT_EQ(write({{"a", "x\xFFy"}}), "a: \"x\xEF\xBF\xBDy\"\n");
}

}  // namespace
}  // namespace recast::yaml

// test/data/model_cards.tsv holds what the gguf package makes of random cards;
// test/data/make_model_cards.py made it (fixed seed).
#include "model/model_card.h"

#include <gtest/gtest.h>

#include <fstream>

#include "model/general_keys.h"
#include "wire/yaml.h"

namespace recast {
namespace {

json::Value parse(std::string_view text) { return json::parse(text, json::ParseOptions{}); }

json::Value as_json(const MetaValue& value) {
  if (const std::string* s = value.as_string()) return *s;
  if (const auto* list = value.as_strings()) return json::Array(list->begin(), list->end());
  return *value.as_int();
}

// Keys in the order of a file, as one line.
std::string text_of(const Metadata& metadata) {
  std::vector<Metadata::Entry> entries = metadata.entries();
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return find_general_key(a.first)->place < find_general_key(b.first)->place;
  });
  json::Object object;
  for (const auto& [key, value] : entries) object.emplace_back(key, as_json(value));
  return json::write(json::Value(std::move(object)));
}

Metadata read(std::string_view card, std::vector<Finding>& warnings) {
  Metadata general;
  read_model_card(parse(card), 0, general, warnings);
  return general;
}
Metadata read(std::string_view card) {
  std::vector<Finding> warnings;
  Metadata general = read(card, warnings);
  EXPECT_TRUE(warnings.empty());
  return general;
}

TEST(ModelCard, EveryCardGivesTheKeysOfTheGgufPackageInItsOrder) {
  std::ifstream in(RECAST_SOURCE_DIR "/test/data/model_cards.tsv");
  size_t rows = 0;
  for (std::string line; std::getline(in, line); ++rows) {
    const size_t tab = line.find('\t');
    ASSERT_NE(tab, std::string::npos);
    EXPECT_EQ(text_of(read(line.substr(0, tab))), json::write(parse(line.substr(tab + 1))))
        << line.substr(0, tab);
  }
  EXPECT_EQ(rows, 90u);
}

TEST(ModelCard, ScalarsBecomeTextAsWritten) {
  EXPECT_EQ(text_of(read(R"({"version": 1.0, "author": true, "tags": [3, "a"]})")),
            R"({"general.author": "true", "general.version": "1.0", "general.tags": ["3", "a"]})");
}

TEST(ModelCard, WhatYamlCallsABooleanStaysTheTextThatWasWritten) {
  const json::Value card(
      yaml::parse_front_matter("---\nlanguage: no\nversion: 1.0\n---\n# Title\n", "README.md")
          .members);
  std::vector<Finding> warnings;
  Metadata general;
  read_model_card(card, 0, general, warnings);
  EXPECT_EQ(text_of(general), R"({"general.version": "1.0", "general.languages": ["no"]})");
}

TEST(ModelCard, TagsComeOnceAndModelTypeIsNoBasename) {
  EXPECT_EQ(
      text_of(read(R"({"tags": ["a", "b", "a"], "pipeline_tag": "b", "model_type": "llama"})")),
      R"({"general.tags": ["a", "b"]})");
}

TEST(ModelCard, EmptyAndNullValuesLetTheNextSourceSpeak) {
  EXPECT_EQ(text_of(read(R"({"author": "", "model_author": null, "model_creator": "me"})")),
            R"({"general.author": "me"})");
  EXPECT_EQ(
      text_of(read(R"({"base_model": null, "base_models": "gpt2", "tags": [], "license": ""})")),
      R"({"general.base_model.count": 1, "general.base_model.0.name": "Gpt2"})");
}

TEST(ModelCard, PathsOfBaseModelsStayPrivate) {
  EXPECT_EQ(text_of(read(R"({"base_model": "/home/me/secret/tiny-llama"})")),
            R"({"general.base_model.count": 1, "general.base_model.0.name": "Tiny Llama"})");
  EXPECT_EQ(text_of(read(R"({"base_model": "C:\\models\\tiny"})")),
            R"({"general.base_model.count": 1, "general.base_model.0.name": "Tiny"})");
}

TEST(ModelCard, UnusableValuesAreNamedAndLeftOut) {
  std::vector<Finding> warnings;
  const Metadata general =
      read(R"({"name": {"a": 1}, "base_model": [3, "gpt2"], "tags": [[1], "x"]})", warnings);
  EXPECT_EQ(text_of(general),
            R"({"general.base_model.count": 1, "general.base_model.0.name": "Gpt2", )"
            R"("general.tags": ["x"]})");
  ASSERT_EQ(warnings.size(), 3u);
  for (const Finding& w : warnings) EXPECT_EQ(w.code, &codes::card_value_ignored);
  EXPECT_EQ(warnings[0].where, key_where("name"));
  EXPECT_EQ(warnings[0].found, "object");
}

}  // namespace
}  // namespace recast

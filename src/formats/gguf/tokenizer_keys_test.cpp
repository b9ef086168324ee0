#include "formats/gguf/tokenizer_keys.h"

#include <gtest/gtest.h>

#include <cmath>

namespace recast {
namespace {

Vocabulary small() {
  Vocabulary v;
  v.kind = VocabularyKind::sentencepiece_bpe;
  v.pre = "default";
  v.has_scores = true;
  v.tokens = {{"<unk>", 0, TokenType::unknown},
              {"<s>", 0, TokenType::control},
              {"<0x0A>", 0, TokenType::byte},
              {"a", -1.5f, TokenType::normal}};
  v.special_ids = {{"bos", 1}, {"unknown", 0}, {"fim_pre", 3}};
  v.flags = {{"add_bos_token", true}, {"normalizer.lowercase", false}};
  v.precompiled_charsmap = {4, 0, 0, 0, 1, 2, 3, 200, 'x', 0};
  v.token_type_count = 2;
  v.chat_template = "t";
  v.named_templates = {{"tool_use", "u"}};
  return v;
}
Metadata keys() {
  Metadata metadata;
  write_tokenizer_keys(small(), metadata);
  return metadata;
}
std::string error_of(const Metadata& metadata) {
  try {
    read_tokenizer_keys(metadata, "m.gguf");
  } catch (const Error& error) {
    EXPECT_EQ(error.file, "m.gguf");
    return std::string(error.code->symbol) + " " + error.where + " " + error.found;
  }
  return "";
}
MetaValue u8s(std::vector<int64_t> values) {
  return {MetaType::array, MetaType::u8, MetaValue::Array(std::move(values))};
}

TEST(TokenizerKeys, WrittenKeysReadBackTheSame) {
  const auto back = read_tokenizer_keys(keys(), "m.gguf");
  ASSERT_TRUE(back);
  const Vocabulary v = small();
  EXPECT_EQ(back->kind, v.kind);
  EXPECT_EQ(back->pre, v.pre);
  EXPECT_EQ(back->special_ids, v.special_ids);
  EXPECT_EQ(back->flags, v.flags);
  EXPECT_EQ(back->precompiled_charsmap, v.precompiled_charsmap);
  EXPECT_EQ(back->token_type_count, v.token_type_count);
  EXPECT_EQ(back->chat_template, v.chat_template);
  EXPECT_EQ(back->named_templates, v.named_templates);
  ASSERT_EQ(back->tokens.size(), v.tokens.size());
  EXPECT_EQ(back->tokens[3].score, -1.5f);
  EXPECT_EQ(back->tokens[2].type, TokenType::byte);
}

TEST(TokenizerKeys, KeysHaveTheOrderAndTypesOfTheReference) {
  const Metadata metadata = keys();
  std::vector<std::string> names;
  for (const auto& [key, value] : metadata.entries()) names.push_back(key);
  const std::string p = "tokenizer.ggml.";
  EXPECT_EQ(names, (std::vector<std::string>{
                       p + "token_type_count", p + "model", p + "pre", p + "tokens", p + "scores",
                       p + "token_type", p + "bos_token_id", p + "unknown_token_id",
                       p + "fim_pre_token_id", p + "add_bos_token", p + "normalizer.lowercase",
                       p + "precompiled_charsmap", "tokenizer.chat_template.tool_use",
                       "tokenizer.chat_templates", "tokenizer.chat_template"}));
  EXPECT_EQ(metadata.find(p + "scores")->element, MetaType::f32);
  EXPECT_EQ(metadata.find(p + "token_type")->element, MetaType::i32);
  EXPECT_EQ(metadata.find(p + "bos_token_id")->type, MetaType::u32);
}

TEST(TokenizerKeys, NoTokenizerIsNoVocabulary) {
  EXPECT_FALSE(read_tokenizer_keys({}, "m.gguf"));
  Metadata metadata;
  write_tokenizer_keys({}, metadata);
  EXPECT_EQ(*metadata.find("tokenizer.ggml.model")->as_string(), "none");
  EXPECT_FALSE(read_tokenizer_keys(metadata, "m.gguf"));
}

TEST(TokenizerKeys, RefusesWrongScores) {
  Metadata metadata = keys();
  metadata.set("tokenizer.ggml.scores", u8s({0, 0, 0, 1}));
  EXPECT_TRUE(error_of(metadata).starts_with("gguf_scores key \"tokenizer.ggml.scores\""));
  metadata.set("tokenizer.ggml.scores", MetaValue::f32s({0, 1}));
  EXPECT_TRUE(error_of(metadata).starts_with("gguf_scores"));
}

// What is assumed of a vocabulary, as "WHERE: FOUND;" for each.
std::string assumed_of(const Metadata& metadata) {
  std::vector<Finding> warnings;
  read_tokenizer_keys(metadata, "m.gguf", &warnings);
  std::string out;
  for (const Finding& warning : warnings) {
    EXPECT_EQ(warning.code, &codes::assumed);
    out += warning.where + ": " + warning.found + ";";
  }
  return out;
}

TEST(TokenizerKeys, TypesAndScoresThatAreNotThereAreTold) {
  EXPECT_EQ(assumed_of(keys()), "");
  Metadata metadata = keys();
  metadata.erase("tokenizer.ggml.token_type");
  metadata.erase("tokenizer.ggml.scores");
  EXPECT_EQ(assumed_of(metadata),
            "key \"tokenizer.ggml.scores\": all tokens score 0;"
            "key \"tokenizer.ggml.token_type\": all tokens are ordinary ones;");
}

TEST(TokenizerKeys, ASecondUnknownTokenIsTold) {
  Metadata metadata = keys();
  metadata.set("tokenizer.ggml.token_type", MetaValue::i32s({2, 3, 6, 2}));
  EXPECT_EQ(assumed_of(metadata),
            "token_type, token 3: a second unknown token beside 0; token 0 is taken;");
  metadata.set("tokenizer.ggml.unknown_token_id", MetaValue::u32(3));
  EXPECT_EQ(assumed_of(metadata),
            "token_type, token 3: a second unknown token beside 0; token 3 is taken;");
}

TEST(TokenizerKeys, RefusesBytePairsWithoutMerges) {
  Vocabulary v;
  v.kind = VocabularyKind::byte_bpe;
  v.tokens = {{"a"}, {"b"}};
  Metadata metadata;
  write_tokenizer_keys(v, metadata);
  EXPECT_EQ(error_of(metadata), "");  // an empty list is one
  metadata.erase("tokenizer.ggml.merges");
  EXPECT_EQ(error_of(metadata),
            "gguf_tokenizer_key key \"tokenizer.ggml.merges\" no such key");
}

TEST(TokenizerKeys, RefusesScoresThatAreNotFinite) {
  Metadata metadata = keys();
  for (const double score : {INFINITY, -INFINITY, NAN}) {
    metadata.set("tokenizer.ggml.scores", MetaValue::f32s({0, 0, score, 0}));
    EXPECT_TRUE(error_of(metadata).starts_with("gguf_scores scores, token 2"));
  }
}

TEST(TokenizerKeys, RefusesATextThatTwoTokensHave) {
  Metadata metadata = keys();
  metadata.set("tokenizer.ggml.tokens", MetaValue::strings({"<unk>", "a", "<0x0A>", "a"}));
  EXPECT_EQ(error_of(metadata), "piece_twice tokenizer.ggml.tokens, token 3 \"a\"");
  metadata.set("tokenizer.ggml.tokens", MetaValue::strings({"", "a", "<0x0A>", ""}));
  EXPECT_EQ(error_of(metadata), "");  // runtimes name them by their ids
}

TEST(TokenizerKeys, RefusesMergesOfUnknownTokens) {
  Vocabulary v;
  v.kind = VocabularyKind::byte_bpe;
  v.tokens = {{"a"}, {"b"}, {"ab"}, {" b"}, {"a b"}};
  const auto error = [&](const char* merge) {
    v.merges = {"a b", merge};
    Metadata metadata;
    write_tokenizer_keys(v, metadata);
    return error_of(metadata);
  };
  EXPECT_EQ(error("a b"), "");
  EXPECT_EQ(error("a  b"), "");  // of "a" and " b"
  EXPECT_EQ(error("q z"), "merge_unknown merge 1 \"q z\"");
  EXPECT_EQ(error("b a"), "merge_unknown merge 1 \"b a\"");
  EXPECT_EQ(error("a "), "merge_unknown merge 1 \"a \"");
}

TEST(TokenizerKeys, RefusesWrongTypesAndBytes) {
  Metadata metadata = keys();
  metadata.set("tokenizer.ggml.token_type", MetaValue::i32s({2, 3, 6}));
  EXPECT_TRUE(error_of(metadata).starts_with("gguf_token_types"));
  metadata.set("tokenizer.ggml.token_type", MetaValue::i32s({2, 3, 6, 7}));
  EXPECT_TRUE(error_of(metadata).starts_with("gguf_token_types"));
  metadata = keys();
  metadata.set("tokenizer.ggml.tokens", MetaValue::strings({"<unk>", "<s>", "<0x-1>", "a"}));
  EXPECT_NE(error_of(metadata).find("0x-1"), std::string::npos);
}

TEST(TokenizerKeys, SpecialIdOutsideTheVocabularyWarns) {
  Metadata metadata = keys();
  metadata.set("tokenizer.ggml.bos_token_id", MetaValue::u32(4000000000));
  std::vector<Finding> warnings;
  const auto v = read_tokenizer_keys(metadata, "m.gguf", &warnings);
  EXPECT_FALSE(v->special_id("bos"));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].where.find("bos"), std::string::npos);
}

TEST(TokenizerKeys, RefusesMissingAndIllTypedKeys) {
  Metadata metadata = keys();
  metadata.set("tokenizer.ggml.tokens", MetaValue::u32(1));
  EXPECT_TRUE(error_of(metadata).starts_with("gguf_tokenizer_key"));
  metadata.erase("tokenizer.ggml.tokens");
  EXPECT_TRUE(error_of(metadata).starts_with("gguf_tokenizer_key"));
  metadata = keys();
  metadata.set("tokenizer.ggml.merges", MetaValue::strings({"a b", "ab"}));
  EXPECT_TRUE(error_of(metadata).starts_with("merge_form merge 1"));
  metadata = keys();
  metadata.set("tokenizer.ggml.model", MetaValue::string("nosuch"));
  EXPECT_TRUE(error_of(metadata).starts_with("tokenizer_model"));
  metadata = keys();
  metadata.set("tokenizer.ggml.precompiled_charsmap", u8s({255, 255, 0, 0, 1}));
  EXPECT_TRUE(error_of(metadata).starts_with("charsmap_broken"));
}

TEST(TokenizerKeys, TemplateNamesStayApart) {
  Vocabulary v;
  v.kind = VocabularyKind::byte_bpe;
  v.tokens = {{"a"}};
  v.named_templates = {{"a-b", "1"}, {"a.b", "2"}, {"\u00E9", "3"}};
  Metadata metadata;
  write_tokenizer_keys(v, metadata);
  const std::vector<std::string> names = {"a_b", "a_b_", "_"};
  EXPECT_EQ(*metadata.find("tokenizer.chat_templates")->as_strings(), names);
  metadata.erase("tokenizer.chat_templates");
  const auto back = read_tokenizer_keys(metadata, "keys");
  ASSERT_EQ(back->named_templates.size(), 3u);
  EXPECT_EQ(back->named_templates[1].second, "2");
}

}  // namespace
}  // namespace recast

#include "tokenizer/tokenizer_json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace recast {
namespace {

TokenizerJson parse(std::string_view text) {
  return parse_tokenizer_json(json::parse(text, {.file = "tokenizer.json"}), "tokenizer.json");
}
TokenizerJson parse_model(const std::string& model) { return parse("{\"model\":" + model + "}"); }

// Id of the error, and that it names what it is about.
std::string error_of(const std::string& model, std::string_view word) {
  try {
    parse_model(model);
  } catch (const Error& error) {
    const std::string text = std::string(error.what()) + " " + error.where + " " + error.found;
    EXPECT_NE(text.find(word), std::string::npos) << text;
    EXPECT_EQ(error.file, "tokenizer.json");
    return std::string(error.code->symbol);
  }
  return "";
}

TEST(TokenizerJson, ReadsBothSpellingsOfMerges) {
  const auto pairs = parse_model(
      R"({"type":"BPE","vocab":{"a":0,"b c":1,"ab c":2},"merges":[["a","b c"]],"byte_fallback":true})");
  ASSERT_EQ(pairs.merges.size(), 1u);
  EXPECT_EQ(pairs.merges[0].second, "b c");
  EXPECT_TRUE(pairs.byte_fallback);
  const auto texts = parse_model(R"({"vocab":{"a":0,"b":1,"ab":3},"merges":["a b"]})");
  EXPECT_EQ(texts.model, TokenizerModel::bpe);
  EXPECT_EQ(texts.merges[0], std::pair(std::string("a"), std::string("b")));
  ASSERT_EQ(texts.vocab.size(), 4u);
  EXPECT_FALSE(texts.vocab[2].has_value());
}

TEST(TokenizerJson, ReadsUnigramAndWordPiece) {
  const auto unigram =
      parse_model(R"({"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.5]]})");
  EXPECT_EQ(unigram.scores[1], -1.5f);
  EXPECT_EQ(unigram.unk_id, 0);
  const auto words = parse_model(
      R"({"vocab":{"[UNK]":0,"##a":1},"unk_token":"[UNK]","continuing_subword_prefix":"##"})");
  EXPECT_EQ(words.model, TokenizerModel::wordpiece);
  EXPECT_EQ(words.unk_id, 0);
}

TEST(TokenizerJson, RefusesWrongIds) {
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":{"a":-1},"merges":[]})", "-1"), "token_id_range");
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":{"a":4000000000},"merges":[]})", "4000000000"),
            "token_id_range");
  // One name would cost the memory of nine million.
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":{"a":9000000},"merges":[]})", "9000000"),
            "token_id_range");
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":{"a":1,"b":1},"merges":[]})", "\"a\""),
            "token_id_twice");
}

TEST(TokenizerJson, RefusesWrongMerges) {
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":{"a":0},"merges":["q z"]})", "q z"), "merge_unknown");
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]})", "a b"),
            "merge_unknown");
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":{"ab":0},"merges":["ab"]})", "merge 0"),
            "merge_form");
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":{"ab":0},"merges":[["ab"]]})", "merge"),
            "merge_form");
}

TEST(TokenizerJson, RefusesUnknownModelsAndFields) {
  EXPECT_EQ(error_of(R"({"type":"NoSuch","vocab":{}})", "NoSuch"), "tokenizer_model");
  EXPECT_EQ(error_of(R"({"type":"BPE","vocab":[],"merges":[]})", "vocab"), "tokenizer_field");
  EXPECT_EQ(error_of(R"({"type":"Unigram","unk_id":7,"vocab":[["a",0]]})", "7"), "tokenizer_field");
  EXPECT_EQ(error_of(R"({"type":"Unigram","vocab":[["a",NaN]]})", "\"a\""), "piece_score");
  EXPECT_THROW(parse("{}"), Error);
}

TEST(TokenizerJson, ReadsAddedTokens) {
  const auto json = parse(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},
    "added_tokens":[{"id":5,"content":"<s>","special":true,"lstrip":true},{"id":6,"content":"x"}]})");
  ASSERT_EQ(json.added.size(), 2u);
  EXPECT_EQ(json.added_id("<s>"), 5);
  EXPECT_TRUE(json.added[0].special && json.added[0].lstrip && !json.added[0].normalized);
  EXPECT_TRUE(json.added[1].normalized);
  EXPECT_FALSE(json.added_id("<t>").has_value());
}

TEST(TokenizerJson, TellsWhetherABlankIsPutInFront) {
  const auto with = [](const std::string& part) {
    return prepends_space(
        parse("{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}," + part + "}"));
  };
  EXPECT_TRUE(with(R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend"}]})"));
  EXPECT_TRUE(with(R"("pre_tokenizer":{"type":"Metaspace","prepend_scheme":"first"})"));
  EXPECT_FALSE(with(R"("pre_tokenizer":{"type":"Metaspace","prepend_scheme":"never"})"));
  EXPECT_FALSE(with(R"("normalizer":{"type":"Replace"})"));
}

}  // namespace
}  // namespace recast

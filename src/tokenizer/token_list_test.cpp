#include "tokenizer/token_list.h"

#include <gtest/gtest.h>

namespace recast {
namespace {

TEST(TokenList, HolesAndFurtherRowsBecomeUnusedTokens) {
  TokenList list;
  list.put(0, {.text = "a"});
  list.put(2, {.text = "[PAD1]"});
  const auto tokens = list.finish(4, -10000);
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_EQ(tokens[1].text, "[[PAD1]]");  // the plain name is taken
  EXPECT_EQ(tokens[3].text, "[PAD3]");
  EXPECT_EQ(tokens[3].type, TokenType::unused);
  EXPECT_EQ(tokens[3].score, -10000);
  EXPECT_EQ(list.finish(0, 0).size(), 3u);
}

TEST(TokenList, AddedTokensAreControlWhenSpecialOrSpelledSo) {
  TokenList list;
  put_added({.id = 0, .content = "<x>", .special = true}, list);
  put_added({.id = 1, .content = "<|tool|>"}, list);
  put_added({.id = 2, .content = "\u2581\u2581"}, list);
  EXPECT_EQ(list.at(0).type, TokenType::control);
  EXPECT_EQ(list.at(1).type, TokenType::control);
  EXPECT_EQ(list.at(2).type, TokenType::user_defined);
  EXPECT_EQ(list.at(2).text, "  ");
  EXPECT_EQ(list.at(2).score, -1000);
}

TEST(TokenList, WordPieceMarksTheBeginningsOfWords) {
  TokenizerJson json;
  json.vocab = {"[CLS]", "##a", "b"};
  json.subword_prefix = "##";
  json.added = {{.id = 0, .content = "[CLS]", .special = true}};
  TokenList list;
  put_wordpiece(json, list);
  EXPECT_EQ(list.at(0).text, "[CLS]");
  EXPECT_EQ(list.at(1).text, "a");
  EXPECT_EQ(list.at(2).text,
            "\u2581"
            "b");
}

TEST(TokenList, ScoresFollowTheFirstMergeThatMakesAPiece) {
  TokenizerJson json;
  json.vocab = {"<0x41>", "a", "b", "ab", "aba"};
  json.merges = {{"a", "b"}, {"ab", "a"}, {"a", "ba"}};
  TokenList list;
  put_sentencepiece_bpe(json, list);
  EXPECT_EQ(list.at(0).type, TokenType::byte);
  EXPECT_EQ(list.at(2).score, -2);  // no merge: its id
  EXPECT_EQ(list.at(3).score, 0);
  EXPECT_EQ(list.at(4).score, -1);
}

TEST(TokenList, UnigramKeepsScoresAndNamesTheUnknownPiece) {
  TokenizerJson json;
  json.model = TokenizerModel::unigram;
  json.vocab = {"<pad>", "<unk>", "a"};
  json.scores = {0, 0, -3};
  json.unk_id = 1;
  json.added = {{.id = 1, .content = "<unk>", .special = true}};
  TokenList list;
  put_unigram(json, list);
  EXPECT_EQ(list.at(1).type, TokenType::unknown);
  EXPECT_EQ(list.at(2).score, -3);
}

TEST(TokenList, BlanksInsideMergesAreSpelledOut) {
  TokenizerJson json;
  json.merges = {{"a", "b"}, {"a b", " "}};
  EXPECT_EQ(merge_lines(json), (std::vector<std::string>{"a b", "a\u0120b \u0120"}));
}

TEST(TokenList, FairseqIdsBeginWithFourOfTheirOwn) {
  SentencePieceModel model;
  model.pieces = {{"<unk>"}, {"<s>"}, {"</s>"}, {"a", -1}};
  TokenList list;
  put_fairseq_pieces(model, list);
  ASSERT_EQ(list.size(), 6);
  EXPECT_EQ(list.at(3).type, TokenType::unknown);
  EXPECT_EQ(list.at(4).text, "a");
  EXPECT_EQ(list.at(5).text, "<mask>");
}

}  // namespace
}  // namespace recast

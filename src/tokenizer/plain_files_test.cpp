#include "tokenizer/plain_files.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/pretokenizer.h"

namespace recast {
namespace {

// Vectors of RFC 4648, section 10.
TEST(Base64, KnownVectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(encode_base64(plain), coded);
    EXPECT_EQ(decode_base64(coded), plain);
  }
  EXPECT_FALSE(decode_base64("Zg="));
  EXPECT_FALSE(decode_base64("Z*=="));
}

TEST(ByteAlphabet, PrintableBytesStayAndOthersMoveUp) {
  EXPECT_EQ(to_byte_alphabet("a!~"), "a!~");
  EXPECT_EQ(to_byte_alphabet(" "), "\u0120");
  EXPECT_EQ(to_byte_alphabet("\n"), "\u010A");
  EXPECT_EQ(to_byte_alphabet("\xE9"), "\u00E9");
  EXPECT_EQ(to_byte_alphabet("\xAD"), "\u0143");
}

TEST(PlainFiles, ReadsVocabAndMerges) {
  const auto json =
      read_vocab_and_merges(json::parse(R"({"a":0,"b":1,"ab":2})", json::ParseOptions{}),
                            "#version: 0.2\r\na b\r\n", "vocab.json", "merges.txt");
  ASSERT_EQ(json.merges.size(), 1u);
  EXPECT_EQ(json.vocab[2], "ab");
  EXPECT_THROW(
      read_vocab_and_merges(json::parse("{\"a\":0}", json::ParseOptions{}), "aa\n", "v", "m"),
      Error);
}

TEST(PlainFiles, LineNumbersOfVocabTxtAreIds) {
  const auto json = read_vocab_txt("[PAD]\n[UNK]\na\n##b", "vocab.txt");
  EXPECT_EQ(json.model, TokenizerModel::wordpiece);
  EXPECT_EQ(json.vocab[3], "##b");
  EXPECT_EQ(json.unk_id, 1);
  EXPECT_EQ(json.added_id("[PAD]"), 0);
}

TEST(PlainFiles, MergesOfRanksAreTheLastTwoParts) {
  // a b c ab abc bc: "abc" is made of "ab" and "c", as rank 3 goes before rank 5.
  std::string text;
  const char* tokens[] = {"a", "b", "c", "ab", "abc", "bc"};
  for (int rank = 0; rank < 6; ++rank)
    text += encode_base64(tokens[rank]) + " " + std::to_string(rank) + "\n";
  const auto json = read_tiktoken(text, "x.tiktoken");
  using Pair = std::pair<std::string, std::string>;
  EXPECT_EQ(json.merges, (std::vector<Pair>{{"a", "b"}, {"ab", "c"}, {"b", "c"}}));
  EXPECT_TRUE(json.ignore_merges);
}

TEST(PlainFiles, RefusesMalformedRanks) {
  for (const char* text : {"YQ==", "YQ== x", "YQ== 1", "*** 0", " 0"})
    EXPECT_THROW(read_tiktoken(text, "x"), Error) << text;
}

TEST(PlainFiles, TekkenPutsSpecialsFirst) {
  const auto root = json::parse(R"({"config":{"pattern":"[0-9]","default_vocab_size":4,
      "default_num_special_tokens":2},"vocab":[{"token_bytes":"YQ=="},{"token_bytes":"Yg=="},
      {"token_bytes":"Yw=="}]})",
                                json::ParseOptions{});
  const auto json = read_tekken(root, "tekken.json");
  ASSERT_EQ(json.vocab.size(), 4u);  // the third rank is cut off
  EXPECT_EQ(json.vocab[3], "b");
  EXPECT_EQ(json.added_id("<s>"), 1);
  EXPECT_EQ(canonical_stages(json.pre_tokenizer), "S(DIGIT) B");
  EXPECT_THROW(read_tekken(json::parse("{}", json::ParseOptions{}), "tekken.json"), Error);
}

}  // namespace
}  // namespace recast

#include "tokenizer/rebuild.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tokenizer/build_model.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/tokenizer_json.h"

namespace recast {
namespace {

Vocabulary llama() {
  Vocabulary v;
  v.kind = VocabularyKind::sentencepiece_bpe;
  v.pre = "default";
  v.has_scores = true;
  v.tokens = {{"<unk>", -1000, TokenType::control}, {"<s>", -1000, TokenType::control},
              {"<0x0A>", 0, TokenType::byte},       {"a", -3, TokenType::normal},
              {"b", -4, TokenType::normal},         {"ab", -1, TokenType::normal},
              {"aba", -2, TokenType::normal},       {"  ", -1000, TokenType::user_defined},
              {"[PAD8]", -10000, TokenType::unused}};
  v.special_ids = {{"bos", 1}, {"unknown", 0}};
  v.chat_template = "{{ x }}\n";
  v.named_templates = {{"rag", "r"}};
  return v;
}

const NewFile* find(const std::vector<NewFile>& files, std::string_view name) {
  const auto it = std::find_if(files.begin(), files.end(),
                               [&](const NewFile& file) { return file.name == name; });
  return it == files.end() ? nullptr : &*it;
}
TokenizerJson parse_rebuilt(const std::vector<NewFile>& files) {
  return parse_tokenizer_json(
      json::parse(find(files, "tokenizer.json")->bytes, json::ParseOptions{}), "tokenizer.json");
}

TEST(Rebuild, MergesAreEverySplitInOrderOfScore) {
  const std::vector<std::pair<std::string, std::string>> expected = {{"a", "b"}, {"ab", "a"}};
  EXPECT_EQ(merges_of_pieces(llama().tokens), expected);
}

TEST(Rebuild, LlamaMakesModelJsonConfigsAndTemplates) {
  std::vector<Finding> warnings;
  Vocabulary v = llama();
  v.flags = {{"add_space_prefix", false}};
  const auto files = rebuild_tokenizer_files(v, "gemma", {}, warnings);
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(find(files, "chat_template.jinja")->bytes, "{{ x }}\n");
  EXPECT_EQ(find(files, "additional_chat_templates/rag.jinja")->bytes, "r");
  const std::string& bytes = find(files, "tokenizer.model")->bytes;
  const auto model = parse_sentencepiece(std::as_bytes(std::span(bytes)), "tokenizer.model");
  EXPECT_EQ(model.pieces.size(), 8u);  // without the padding
  EXPECT_EQ(model.pieces[0].type, TokenType::unknown);
  EXPECT_EQ(model.pieces[7].text, "\u2581\u2581");
  EXPECT_FALSE(model.add_dummy_prefix);
  EXPECT_TRUE(model.byte_fallback);
  const auto json = parse_rebuilt(files);
  EXPECT_EQ(json.vocab.size(), 8u);
  EXPECT_EQ(json.merges.size(), 2u);
  EXPECT_TRUE(json.byte_fallback);
  EXPECT_EQ(json.unk_id, 0);
  EXPECT_FALSE(prepends_space(json));
  const auto config =
      json::parse(find(files, "tokenizer_config.json")->bytes, json::ParseOptions{});
  EXPECT_EQ(*config.find("bos_token"), json::Value("<s>"));
  EXPECT_EQ(*config.find("add_bos_token"), json::Value(true));
}

TEST(Rebuild, TokensWithoutATextAreCalledByTheirIds) {
  Vocabulary v = llama();
  std::vector<Finding> warnings;
  v.tokens[5].text = v.tokens[6].text = "";
  const auto json = parse_rebuilt(rebuild_tokenizer_files(v, "llama", {}, warnings));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, &codes::assumed);
  EXPECT_EQ(warnings[0].where, "token 5");
  EXPECT_EQ(json.vocab[5], "[EMPTY_5]");
  EXPECT_EQ(json.vocab[6], "[EMPTY_6]");
}

TEST(Rebuild, ByteBpeHasTheStagesOfItsName) {
  Vocabulary v;
  v.kind = VocabularyKind::byte_bpe;
  v.pre = "llama-bpe";
  v.tokens = {{"a"}, {"b"}, {"ab"}, {"<s>", 0, TokenType::control}};
  v.merges = {"a b"};
  v.special_ids = {{"bos", 3}};
  std::vector<Finding> warnings;
  const auto json = parse_rebuilt(rebuild_tokenizer_files(v, "llama", {}, warnings));
  EXPECT_EQ(canonical_stages(json.pre_tokenizer), find_pre("llama-bpe")->stages);
  EXPECT_TRUE(json.ignore_merges);
  EXPECT_EQ(json.merges.size(), 1u);
  // The runtime adds bos under this name when the flag is absent.
  EXPECT_EQ(*json.post_processor.find("type"), json::Value("TemplateProcessing"));
  v.flags = {{"add_bos_token", false}};
  EXPECT_EQ(
      *parse_rebuilt(rebuild_tokenizer_files(v, "llama", {}, warnings)).post_processor.find("type"),
      json::Value("ByteLevel"));
}

TEST(Rebuild, WordPieceSpellsWordsAgain) {
  Vocabulary v;
  v.kind = VocabularyKind::wordpiece;
  v.tokens = {{"[CLS]", 0, TokenType::control},
              {"[SEP]", 0, TokenType::control},
              {"[UNK]", 0, TokenType::control},
              {"\u2581"
               "a"},
              {"b"},
              {"\u2581"}};
  v.special_ids = {{"bos", 0}, {"eos", 1}, {"unknown", 2}};
  std::vector<Finding> warnings;
  const auto json = parse_rebuilt(rebuild_tokenizer_files(v, "bert", {}, warnings));
  EXPECT_EQ(json.vocab[3], "a");
  EXPECT_EQ(json.vocab[4], "##b");
  EXPECT_EQ(json.vocab[5], "##\u2581");
  EXPECT_EQ(json.unk_token, "[UNK]");
  // Older files name the frame cls and sep.
  v.special_ids = {{"cls", 0}, {"seperator", 1}, {"unknown", 2}};
  const auto older = parse_rebuilt(rebuild_tokenizer_files(v, "bert", {}, warnings));
  EXPECT_EQ(older.post_processor, json.post_processor);
  EXPECT_FALSE(older.post_processor.is_null());
}

TEST(Rebuild, SpecialIdsOfUnusedTokensAreLeftOut) {
  Vocabulary v = llama();
  v.special_ids = {{"bos", 8}, {"unknown", 8}};
  std::vector<Finding> warnings;
  const auto files = rebuild_tokenizer_files(v, "llama", {}, warnings);
  EXPECT_TRUE(parse_rebuilt(files).post_processor.is_null());
  EXPECT_EQ(find(files, "special_tokens_map.json")->bytes.find("[PAD8]"), std::string::npos);
}

TEST(Rebuild, TokensThatAreNotUtf8AreNotWritten) {
  Vocabulary v = llama();
  v.tokens[3].text = "\xFF";
  std::vector<Finding> warnings;
  EXPECT_EQ(rebuild_tokenizer_files(v, "llama", {}, warnings).size(), 2u);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].where, "token 3");
}

TEST(Rebuild, UnknownStagesGiveAWarningAndTheTemplateAlone) {
  Vocabulary v = llama();
  v.kind = VocabularyKind::byte_bpe;
  for (const char* pre : {"default", "no-such-name"}) {
    v.pre = pre;
    std::vector<Finding> warnings;
    const auto files = rebuild_tokenizer_files(v, "llama", {}, warnings);
    EXPECT_EQ(files.size(), 2u);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].code, &codes::not_rebuilt);
  }
}

}  // namespace
}  // namespace recast

#include "tokenizer/read_vocabulary.h"

#include <gtest/gtest.h>

#include <map>

#include "io/memory_file.h"
#include "tokenizer/sentencepiece.h"

namespace recast {
namespace {

using Files = std::map<std::string, std::string, std::less<>>;

struct Folder {
  Files files;
  json::Value config;
  std::string model_type = "llama";
  int64_t rows = 0;
  std::string pre;

  std::optional<VocabularyResult> read() const {
    TokenizerInput input;
    input.find = [this](std::string_view name) -> std::shared_ptr<const File> {
      const auto it = files.find(name);
      if (it == files.end()) return nullptr;
      return std::make_shared<MemoryFile>(it->first, it->second);
    };
    input.config = &config;
    input.model_type = model_type;
    input.embedding_rows = rows;
    input.pre_override = pre;
    for (const auto& [name, text] : files)
      if (is_template_file(name)) input.template_files.push_back(name);
    return read_vocabulary(input);
  }
};

constexpr std::string_view byte_level_json =
    R"({"added_tokens":[{"id":3,"content":"<s>","special":true}],
  "normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
  "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
    {"Sequence":{"id":"A","type_id":0}}],"pair":[]},
  "decoder":{"type":"ByteLevel"},
  "model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})";

std::string sentencepiece_file() {
  SentencePieceModel model;
  model.algorithm = SentencePieceModel::Algorithm::bpe;
  model.pieces = {{"<unk>", 0, TokenType::unknown},
                  {"<s>", 0, TokenType::control},
                  {"</s>", 0, TokenType::control},
                  {"a", -1, TokenType::normal}};
  return write_sentencepiece(model);
}

TEST(ReadVocabulary, NoFilesIsNoVocabulary) { EXPECT_FALSE(Folder{}.read()); }

TEST(ReadVocabulary, ByteLevelBpe) {
  Folder folder{.files = {{"tokenizer.json", std::string(byte_level_json)},
                          {"tokenizer_config.json", R"({"bos_token":{"content":"<s>"}})"}}};
  const auto result = folder.read();
  ASSERT_TRUE(result);
  const Vocabulary& v = result->vocabulary;
  EXPECT_EQ(v.kind, VocabularyKind::byte_bpe);
  EXPECT_EQ(v.pre, "gpt-2");
  EXPECT_EQ(v.tokens.size(), 4u);
  EXPECT_EQ(v.tokens[3].type, TokenType::control);
  EXPECT_EQ(v.merges, std::vector<std::string>{"a b"});
  EXPECT_EQ(v.special_id("bos"), 3u);
  EXPECT_EQ(v.flag("add_bos_token"), true);
  EXPECT_FALSE(v.has_scores);
  EXPECT_EQ(result->files_used,
            (std::vector<std::string>{"tokenizer.json", "tokenizer_config.json"}));
}

TEST(ReadVocabulary, SentencePieceWinsAndTakesAddedTokens) {
  Folder folder{
      .files =
          {{"tokenizer.model", sentencepiece_file()},
           {"tokenizer.json", std::string(byte_level_json)},
           {"added_tokens.json", R"({"<x>": 4})"},
           {"tokenizer_config.json",
            R"({"add_bos_token":true,"added_tokens_decoder":{"5":{"content":"<y>","special":true}}})"}},
      .config = json::Object{{"vocab_size", 7}, {"eos_token_id", 2}}};
  const Vocabulary v = folder.read()->vocabulary;
  EXPECT_EQ(v.kind, VocabularyKind::sentencepiece_bpe);
  ASSERT_EQ(v.tokens.size(), 7u);
  EXPECT_EQ(v.tokens[3].score, -1);
  EXPECT_EQ(v.tokens[4].type, TokenType::user_defined);
  EXPECT_EQ(v.tokens[5].type, TokenType::control);
  EXPECT_EQ(v.tokens[6].text, "[PAD6]");
  EXPECT_EQ(v.special_id("eos"), 2u);
  EXPECT_EQ(v.flag("add_bos_token"), true);
}

TEST(ReadVocabulary, TiktokenTextUnderTheNameOfSentencePieceIsNotTakenForOne) {
  Folder folder{.files = {{"tokenizer.model", "YQ== 0\nYg== 1\n"},
                          {"tokenizer.json", std::string(byte_level_json)}}};
  EXPECT_EQ(folder.read()->vocabulary.kind, VocabularyKind::byte_bpe);
  folder.files.erase("tokenizer.json");
  const auto alone = folder.read();
  EXPECT_EQ(alone->vocabulary.tokens.size(), 2u);
  EXPECT_EQ(alone->vocabulary.pre, "llama-bpe");
  EXPECT_EQ(alone->warnings.at(0).code, &codes::pre_guessed);
}

TEST(ReadVocabulary, RowsAndTokensAreReconciled) {
  Folder folder{.files = {{"tokenizer.json", std::string(byte_level_json)}}, .rows = 6};
  const auto padded = folder.read();
  EXPECT_EQ(padded->vocabulary.tokens[5].text, "[PAD5]");
  EXPECT_EQ(padded->warnings.at(0).code, &codes::vocab_padded);
  folder.rows = 3;
  try {
    folder.read();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, &codes::vocab_rows);
    EXPECT_EQ(exit_code(error.code->kind), 4);
  }
}

TEST(ReadVocabulary, SpecialIdOutsideTheVocabularyWarns) {
  Folder folder{.files = {{"tokenizer.json", std::string(byte_level_json)}},
                .config = json::Object{{"eos_token_id", 99}}};
  const auto result = folder.read();
  EXPECT_EQ(result->warnings.at(0).code, &codes::special_id_range);
  EXPECT_FALSE(result->vocabulary.special_id("eos"));
}

TEST(ReadVocabulary, ListOfStopIdsIsKept) {
  Folder folder{.files = {{"tokenizer.json", std::string(byte_level_json)}},
                .config = json::Object{{"eos_token_id", json::Array{2, 1}}}};
  const Vocabulary v = folder.read()->vocabulary;
  EXPECT_EQ(v.special_id("eos"), 2u);
  EXPECT_EQ(v.special_id("eot"), 1u);
  EXPECT_EQ(v.eos_ids, (std::vector<uint32_t>{2, 1}));
}

TEST(ReadVocabulary, TemplateFileOverridesTheConfig) {
  Folder folder{.files = {{"tokenizer.json", std::string(byte_level_json)},
                          {"tokenizer_config.json", R"({"chat_template":"old"})"}}};
  EXPECT_EQ(folder.read()->vocabulary.chat_template, "old");
  folder.files["chat_template.jinja"] = "new\n";
  folder.files["additional_chat_templates/rag.jinja"] = "rag";
  const Vocabulary v = folder.read()->vocabulary;
  EXPECT_EQ(v.chat_template, "new\n");
  ASSERT_EQ(v.named_templates.size(), 1u);
  EXPECT_EQ(v.named_templates[0].second, "rag");
}

TEST(ReadVocabulary, TemplateListHasADefault) {
  Folder folder{
      .files = {
          {"tokenizer.json", std::string(byte_level_json)},
          {"tokenizer_config.json",
           R"({"chat_template":[{"name":"default","template":"d"},{"name":"rag","template":"r"}]})"}}};
  const Vocabulary v = folder.read()->vocabulary;
  EXPECT_EQ(v.chat_template, "d");
  EXPECT_EQ(v.named_templates.at(0).first, "rag");
}

TEST(ReadVocabulary, UnknownPreTokenizerNeedsAName) {
  std::string text(byte_level_json);
  text.replace(text.find("\"add_prefix_space\":false"), 24, "\"add_prefix_space\":true ");
  Folder folder{.files = {{"tokenizer.json", text}}};
  EXPECT_THROW(folder.read(), Error);
  folder.pre = "gpt-2";
  EXPECT_EQ(folder.read()->vocabulary.pre, "gpt-2");
}

}  // namespace
}  // namespace recast

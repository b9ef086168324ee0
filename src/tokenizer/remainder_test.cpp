#include "tokenizer/remainder.h"

#include <gtest/gtest.h>

#include <map>

#include "io/memory_file.h"
#include "tokenizer/read_vocabulary.h"
#include "tokenizer/rebuild.h"

namespace recast {
namespace {

using Files = std::map<std::string, std::string, std::less<>>;

VocabularyResult read(const Files& files, const std::string& model_type = "llama",
                      int64_t rows = 0) {
  TokenizerInput input;
  input.find = [&](std::string_view name) -> std::shared_ptr<const File> {
    const auto it = files.find(name);
    if (it == files.end()) return nullptr;
    return std::make_shared<MemoryFile>(it->first, it->second);
  };
  input.model_type = model_type;
  input.embedding_rows = rows;
  for (const auto& [name, text] : files)
    if (is_template_file(name)) input.template_files.push_back(name);
  return *read_vocabulary(input);
}

Files rebuild(const VocabularyResult& made) {
  std::vector<Finding> warnings;
  Files out;
  for (NewFile& file : rebuild_tokenizer_files(made.vocabulary, "llama", made.remainder, warnings))
    out.emplace(std::move(file.name), std::move(file.bytes));
  EXPECT_TRUE(warnings.empty());
  return out;
}

json::Value parsed(const std::string& text) { return json::parse(text, json::ParseOptions{}); }

// What no key of GGUF says: a normalizer, flags of an added token, its place outside the
// vocabulary, a hole, a token of the vocabulary that is added too, a decoder of two steps.
constexpr std::string_view byte_level_json =
    R"({"version":"1.0","truncation":null,"padding":null,
  "added_tokens":[{"id":1,"content":"b","single_word":true,"lstrip":true,"rstrip":false,
                   "normalized":true,"special":false},
                  {"id":5,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,
                   "normalized":false,"special":true}],
  "normalizer":{"type":"NFC"},
  "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
  "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
    {"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}},
  "decoder":{"type":"Sequence","decoders":[{"type":"ByteLevel"},{"type":"Fuse"}]},
  "model":{"type":"BPE","dropout":null,"vocab":{"a":0,"b":1,"ab":2,"c":4},"merges":[["a","b"]]}})";
constexpr std::string_view config_json =
    R"({"bos_token":"<s>","vocab_file":"/home/x/tokenizer.json","tokenizer_class":"GPT2Tokenizer",
  "added_tokens_decoder":{"1":{"content":"b","single_word":true,"lstrip":true,"rstrip":false,
                               "normalized":true,"special":false},
                          "5":{"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,
                               "normalized":false,"special":true}},
  "chat_template":[{"name":"default","template":"d"},{"name":"tool-use","template":"t"}]})";

TEST(Remainder, TokenizerJsonComesBackWhole) {
  const Files files = {{"tokenizer.json", std::string(byte_level_json)},
                       {"tokenizer_config.json", std::string(config_json)},
                       {"special_tokens_map.json", R"({"bos_token":"<s>"})"}};
  const Files back = rebuild(read(files, "llama", 8));
  EXPECT_EQ(parsed(back.at("tokenizer.json")), parsed(files.at("tokenizer.json")));
  EXPECT_EQ(parsed(back.at("special_tokens_map.json")),
            parsed(files.at("special_tokens_map.json")));
  json::Value config = parsed(files.at("tokenizer_config.json"));
  config.erase("vocab_file");
  EXPECT_EQ(parsed(back.at("tokenizer_config.json")), config);
  EXPECT_EQ(back.size(), 3u);
}

TEST(Remainder, HoldsNoVocabulary) {
  const auto made = read({{"tokenizer.json", std::string(byte_level_json)},
                          {"tokenizer_config.json", std::string(config_json)}});
  const std::string text = json::write(made.remainder);
  EXPECT_EQ(text.find("\"ab\""), std::string::npos);
  EXPECT_EQ(text.find("\"merges\""), std::string::npos);
  EXPECT_EQ(text.find("\"template\""), std::string::npos);
}

TEST(Remainder, KeysThatWereEditedWin) {
  auto made = read({{"tokenizer.json", std::string(byte_level_json)}});
  made.vocabulary.special_ids = {{"bos", 4}};
  EXPECT_FALSE(remainder_belongs(made.remainder, made.vocabulary));
  const Files back = rebuild(made);
  EXPECT_EQ(*parsed(back.at("tokenizer_config.json")).find("bos_token"), json::Value("c"));
}

TEST(Remainder, EditedTemplateIsTheNewOne) {
  auto made = read({{"tokenizer.json", std::string(byte_level_json)},
                    {"tokenizer_config.json", R"({"chat_template":"old"})"}});
  made.vocabulary.chat_template = "new";
  EXPECT_EQ(*parsed(rebuild(made).at("tokenizer_config.json")).find("chat_template"),
            json::Value("new"));
}

TEST(Remainder, TemplateFilesKeepTheirNames) {
  const Files files = {{"tokenizer.json", std::string(byte_level_json)},
                       {"chat_template.jinja", "d\n"},
                       {"additional_chat_templates/tool-use.v2.jinja", "t\n"}};
  const Files back = rebuild(read(files));
  EXPECT_EQ(back.at("chat_template.jinja"), "d\n");
  EXPECT_EQ(back.at("additional_chat_templates/tool-use.v2.jinja"), "t\n");
}

TEST(Remainder, NameOfATemplateStaysInItsFolder) {
  auto made = read({{"tokenizer.json", std::string(byte_level_json)}});
  made.remainder = nullptr;
  made.vocabulary.named_templates = {{"../../x", "t"}};
  EXPECT_TRUE(rebuild(made).contains("additional_chat_templates/_.._.._x.jinja"));
}

TEST(Remainder, SentencepieceComesBackWithItsTypesAndSettings) {
  SentencePieceModel model;
  model.algorithm = SentencePieceModel::Algorithm::bpe;
  model.pieces = {{"<unk>", 0, TokenType::unknown},
                  {"<s>", 0, TokenType::control},
                  {"\u2581\u2581", 0, TokenType::user_defined},
                  {"a", -1, TokenType::normal}};
  model.normalizer = "nmt_nfkc";
  model.remove_extra_whitespaces = false;
  model.eos_id = -1;
  const std::string bytes = write_sentencepiece(model);
  const Files back = rebuild(read({{"tokenizer.model", bytes}}));
  EXPECT_EQ(back.at("tokenizer.model"), bytes);
  EXPECT_TRUE(back.contains("tokenizer.json"));
}

TEST(Remainder, UnigramKeepsScoresThatAreNoFloats) {
  constexpr std::string_view text =
      R"({"added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,
        "decoder":null,"model":{"type":"Unigram","unk_id":0,
        "vocab":[["<unk>",0.0],["a",-1.1],["b",-2.5]]}})";
  const Files files = {{"tokenizer.json", std::string(text)}};
  EXPECT_EQ(parsed(rebuild(read(files, "t5")).at("tokenizer.json")), parsed(std::string(text)));
}

TEST(Remainder, DamageIsNamed) {
  const auto made = read({{"tokenizer.json", std::string(byte_level_json)}});
  const json::Value* hash = made.remainder.find("vocabulary");
  for (const std::string part :
       {R"({"rest":1})", R"({"rest":{"model":{}},"vocab":{"absent":[[0,99]],"but":[]}})",
        R"({"rest":{"model":{}},"vocab":{"absent":[],"but":[[-1,"x"]]}})",
        R"({"rest":{"model":{}},"vocab":{"absent":[],"but":[[9999999,"x"]]}})",
        R"({"rest":{"model":{},"added_tokens":[{"id":77}]},"vocab":{"absent":[],"but":[]}})"}) {
    const json::Value damaged =
        json::Object{{"vocabulary", *hash}, {"tokenizer.json", parsed(part)}};
    try {
      restore_tokenizer_files(damaged, made.vocabulary, "x.gguf");
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, &codes::tokenizer_field) << part;
      EXPECT_EQ(error.file, "x.gguf");
    }
  }
}

}  // namespace
}  // namespace recast

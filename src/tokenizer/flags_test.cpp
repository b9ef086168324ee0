#include "tokenizer/flags.h"

#include <gtest/gtest.h>

namespace recast {
namespace {

struct Sources {
  std::string tokenizer_json = R"({"model":{"type":"BPE","vocab":{},"merges":[]}})";
  std::string tokenizer_config = "{}";
  std::string config = "{}";
  std::string model_type = "llama";
  VocabularyKind kind = VocabularyKind::byte_bpe;

  mutable std::vector<Finding> warnings;
  mutable std::vector<std::string> assumptions;
  std::string generation_config = "{}";

  Vocabulary set() const {
    const auto parse = [](const std::string& text) {
      return json::parse(text, json::ParseOptions{});
    };
    const TokenizerJson json = parse_tokenizer_json(parse(tokenizer_json), "tokenizer.json");
    const json::Value t = parse(tokenizer_config), c = parse(config);
    const json::Value g = parse(generation_config);
    Vocabulary v;
    v.kind = kind;
    for (const char* text : {"<s>", "</s>", "<|user|>", "<|endoftext|>", "[CLS]", "[SEP]"})
      v.tokens.push_back({.text = text});
    set_special_tokens({.tokenizer_json = &json,
                        .tokenizer_config = &t,
                        .config = &c,
                        .generation_config = &g,
                        .model_type = model_type},
                       v, warnings, assumptions);
    return v;
  }
};

std::string with_processor(const std::string& processor) {
  return R"({"model":{"type":"BPE","vocab":{},"merges":[]},"added_tokens":[
    {"id":0,"content":"<s>"},{"id":1,"content":"</s>"},{"id":4,"content":"[CLS]"},
    {"id":5,"content":"[SEP]"}],"post_processor":)" +
         processor + "}";
}
std::string special(const std::string& id) {
  return R"({"SpecialToken":{"id":")" + id + R"(","type_id":0}})";
}
std::string text(const std::string& id) {
  return R"({"Sequence":{"id":")" + id + R"(","type_id":0}})";
}

TEST(Flags, ClsAndSepStandInForBosAndEos) {
  Sources in;
  in.tokenizer_json = with_processor(
      R"({"type":"TemplateProcessing","single":[)" + special("[CLS]") + "," + text("A") + "," +
      special("[SEP]") + R"(],"pair":[)" + special("[CLS]") + "," + text("A") + "," +
      special("[SEP]") + "," + text("B") + "," + special("[SEP]") + "]}");
  in.tokenizer_config = R"({"cls_token":"[CLS]","sep_token":"[SEP]"})";
  const Vocabulary v = in.set();
  EXPECT_EQ(v.special_id("bos"), 4u);
  EXPECT_EQ(v.special_id("eos"), 5u);
  EXPECT_EQ(v.special_id("seperator"), 5u);
  EXPECT_EQ(v.flag("add_bos_token"), true);
  EXPECT_EQ(v.flag("add_eos_token"), true);
  EXPECT_EQ(v.flag("add_sep_token"), false);
}

TEST(Flags, LastTokenOfTheFrameBecomesEosAndTheOldOneEot) {
  Sources in;
  in.tokenizer_json = with_processor(R"({"type":"TemplateProcessing","single":[)" + text("A") +
                                     "," + special("[SEP]") + R"(],"pair":[]})");
  in.tokenizer_config = R"({"eos_token":"</s>"})";
  const Vocabulary v = in.set();
  EXPECT_EQ(v.special_id("eos"), 5u);
  EXPECT_EQ(v.special_id("eot"), 1u);
}

TEST(Flags, ConfigFillsWhatIsMissingAndFlagsOverride) {
  Sources in;
  in.tokenizer_json =
      with_processor(R"({"type":"RobertaProcessing","cls":["<s>",0],"sep":["</s>",1]})");
  in.tokenizer_config = R"({"eos_token":"</s>","add_bos_token":false})";
  in.config = R"({"bos_token_id":0,"eos_token_id":5,"text_config":{"pad_token_id":3}})";
  const Vocabulary v = in.set();
  EXPECT_EQ(v.special_id("bos"), 0u);
  EXPECT_EQ(v.special_id("eos"), 1u);
  EXPECT_EQ(v.special_id("padding"), 3u);
  EXPECT_EQ(v.flag("add_bos_token"), false);
  EXPECT_EQ(v.flag("add_sep_token"), true);
}

TEST(Flags, FamiliesFillOnlyWhatIsMissing) {
  Sources in;
  in.model_type = "glm4";
  in.config = R"({"bos_token_id":0})";
  const Vocabulary v = in.set();
  EXPECT_EQ(v.special_id("eot"), 2u);
  EXPECT_EQ(v.special_id("unknown"), 3u);
  EXPECT_EQ(v.special_id("bos"), 0u);
}

TEST(Flags, FixedFlagsOfAFamily) {
  Sources in;
  in.model_type = "phi";
  EXPECT_EQ(in.set().flag("add_bos_token"), false);
  in.tokenizer_config = R"({"add_bos_token":true})";
  EXPECT_EQ(in.set().flag("add_bos_token"), true);  // the file wins
  in.model_type = "gemma2";
  EXPECT_EQ(in.set().flag("add_space_prefix"), false);
  in.model_type = "llama";
  EXPECT_FALSE(in.set().flag("add_space_prefix"));
  in.tokenizer_config = R"({"add_prefix_space":false})";
  EXPECT_EQ(in.set().flag("add_space_prefix"), false);
}

TEST(Flags, NormalizerFlagsOfBert) {
  Sources in;
  in.tokenizer_json = R"({"model":{"type":"WordPiece","vocab":{}},
    "normalizer":{"type":"BertNormalizer","lowercase":true,"strip_accents":null}})";
  in.config = R"({"type_vocab_size":2})";
  in.kind = VocabularyKind::wordpiece;
  const Vocabulary v = in.set();
  EXPECT_EQ(v.flag("normalizer.lowercase"), true);
  EXPECT_FALSE(v.flag("normalizer.strip_accents"));
  EXPECT_EQ(v.token_type_count, 2u);
}

TEST(Flags, WhatIsNoIdOfTheVocabularyIsLeftOutWithAWord) {
  for (const char* value : {"\"1\"", "-1", "6", "1.5", "true", "[1]", "{}"}) {
    Sources in;
    in.config = std::string(R"({"bos_token_id":)") + value + R"(,"eos_token_id":1})";
    const Vocabulary v = in.set();
    EXPECT_FALSE(v.special_id("bos")) << value;
    EXPECT_EQ(v.special_id("eos"), 1u);
    ASSERT_EQ(in.warnings.size(), 1u) << value;
    EXPECT_EQ(in.warnings[0].code, &codes::special_id_range);
    EXPECT_EQ(in.warnings[0].where, "key \"bos_token_id\"");
    EXPECT_EQ(in.warnings[0].found, value);
    EXPECT_EQ(in.warnings[0].file, "config.json");
  }
  Sources in;
  in.config = R"({"bos_token_id":null,"cls_token_id":99,"eos_token_id":[1,"x"]})";
  in.generation_config = R"({"eos_token_id":[1,99]})";
  const Vocabulary v = in.set();
  EXPECT_EQ(v.special_id("eos"), 1u);
  EXPECT_EQ(v.eos_ids, std::vector<uint32_t>{1});
  ASSERT_EQ(in.warnings.size(), 2u);
  EXPECT_EQ(in.warnings[0].found, "\"x\"");
  EXPECT_EQ(in.warnings[1].file, "generation_config.json");
}

TEST(Flags, WhichOfSeveralIdsCountsIsTold) {
  Sources in;
  in.tokenizer_json = with_processor("null");
  in.tokenizer_config = R"({"bos_token":"<s>","eos_token":"</s>"})";
  in.config = R"({"bos_token_id":0,"eos_token_id":5})";
  in.generation_config = R"({"bos_token_id":0,"eos_token_id":3})";
  EXPECT_EQ(in.set().special_id("eos"), 1u);
  EXPECT_TRUE(in.warnings.empty());
  EXPECT_EQ(in.assumptions,
            std::vector<std::string>{
                "eos_token_id 1; config.json says 5; generation_config.json says 3"});
}

}  // namespace
}  // namespace recast

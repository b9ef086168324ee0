#include "convert/pooling.h"

#include <gtest/gtest.h>

#include "arch/recognise.h"
#include "io/memory_file.h"

namespace recast {
namespace {

constexpr char modules[] =
    R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
  {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
  {"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}])";

Checkpoint folder(const std::string& pooling) {
  Checkpoint out;
  const auto add = [&](std::string name, std::string text) {
    auto file = std::make_shared<MemoryFile>(name, std::move(text));
    out.side_files.push_back({std::move(name), std::move(file), {}});
  };
  add("1_Pooling/config.json", pooling);
  add("modules.json", modules);
  return out;
}

ModelFacts bert_facts() {
  ModelFacts model;
  model.arch = find_architecture("bert");
  model.facts.set(Fact::hidden, int64_t{32});
  model.facts.set(Fact::context, int64_t{64});
  return model;
}

TEST(Pooling, IsTheNumberOfTheModulesConfig) {
  for (const auto& [config, number] : std::vector<std::pair<std::string, int64_t>>{
           {R"({"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true})", 1},
           {R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false})", 2},
           {R"({"pooling_mode":"lasttoken"})", 3}}) {
    Target target;
    carry_pooling(folder(config), "bert", true, target);
    const MetaValue* key = target.checkpoint.metadata.find("bert.pooling_type");
    ASSERT_TRUE(key) << config;
    EXPECT_EQ(key->as_int(), number);
    EXPECT_EQ(target.notes.size(), 1u);  // Normalize
  }
}

TEST(Pooling, KindWithoutANumberIsNamedAsDropped) {
  Target target;
  carry_pooling(folder(R"({"pooling_mode_max_tokens":true})"), "bert", false, target);
  EXPECT_TRUE(target.checkpoint.metadata.entries().empty());
  EXPECT_EQ(target.dropped.size(), 1u);
}

TEST(Pooling, FolderWithoutModulesSaysNothing) {
  Target target;
  carry_pooling(Checkpoint{}, "bert", true, target);
  EXPECT_TRUE(target.checkpoint.metadata.entries().empty());
}

TEST(Pooling, CarriedFilesComeBack) {
  const Checkpoint source = folder(R"({"pooling_mode":"cls","include_prompt":false})");
  Target there, back;
  carry_pooling(source, "bert", true, there);
  restore_modules(there.checkpoint, bert_facts(), back);
  for (const SideFile& side : source.side_files) {
    const SideFile* made = back.checkpoint.find_side_file(side.name);
    ASSERT_TRUE(made) << side.name;
    EXPECT_EQ(json::parse(made->bytes, json::ParseOptions{}), json::parse_file(*side.file));
  }
}

TEST(Pooling, RankingHasNoModule) {
  Target back;
  Checkpoint source;
  source.metadata.set("bert.pooling_type", MetaValue::u32(4));
  restore_modules(source, bert_facts(), back);
  EXPECT_TRUE(back.checkpoint.side_files.empty());
  EXPECT_EQ(back.dropped.size(), 1u);
}

TEST(Pooling, KeyThatWasEditedWins) {
  Target there, back;
  carry_pooling(folder(R"({"pooling_mode":"cls"})"), "bert", true, there);
  there.checkpoint.metadata.set("bert.pooling_type", MetaValue::u32(1));
  restore_modules(there.checkpoint, bert_facts(), back);
  const SideFile* made = back.checkpoint.find_side_file("1_Pooling/config.json");
  ASSERT_TRUE(made);
  const json::Value config = json::parse(made->bytes, json::ParseOptions{});
  EXPECT_EQ(*config.find("pooling_mode_mean_tokens"), json::Value(true));
  EXPECT_EQ(*config.find("word_embedding_dimension"), json::Value(32));
}

}  // namespace
}  // namespace recast

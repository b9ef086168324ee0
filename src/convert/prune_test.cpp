#include "convert/prune.h"

#include <gtest/gtest.h>

#include "codec/codecs.h"
#include "io/io_testing.h"
#include "tensor/fill.h"

namespace recast {
namespace {

using io_testing::code_of;

Checkpoint model() {
  Checkpoint out;
  out.convention = Convention::gguf;
  out.metadata.set("general.architecture", MetaValue::string("llama"));
  out.metadata.set("llama.block_count", MetaValue::u32(4));
  out.metadata.set("llama.attention.head_count_kv", MetaValue::i32s({1, 2, 3, 4}));
  out.metadata.set("llama.rope.dimension_sections", MetaValue::i32s({7, 8}));
  for (const char* name : {"token_embd.weight", "blk.0.attn_q.weight", "blk.1.attn_q.weight",
                           "blk.2.attn_q.weight", "blk.3.attn_q.weight", "blk.3.attn_k.weight"})
    out.tensors.push_back({name, zeros({2, 32}, codec::f32)});
  return out;
}

TEST(PruneLayers, CountsTheOtherBlocksAnew) {
  Checkpoint pruned = model();
  prune_layers(pruned, {0, 2});
  std::vector<std::string> names;
  for (const Tensor& tensor : pruned.tensors) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"token_embd.weight", "blk.0.attn_q.weight",
                                             "blk.1.attn_q.weight", "blk.1.attn_k.weight"}));
  EXPECT_EQ(*pruned.metadata.find("llama.block_count"), MetaValue::u32(2));
  EXPECT_EQ(*pruned.metadata.find("llama.attention.head_count_kv"), MetaValue::i32s({2, 4}));
  EXPECT_EQ(*pruned.metadata.find("llama.rope.dimension_sections"), MetaValue::i32s({7, 8}));
}

TEST(PruneLayers, TakesTheImportanceOfTheKeptBlocksAlong) {
  Importance importance;
  for (int i = 0; i < 3; ++i)
    importance.entries["blk." + std::to_string(i) + ".attn_q.weight"] =
        std::make_shared<const std::vector<float>>(1, static_cast<float>(i));
  prune_layers(importance, {1});
  ASSERT_EQ(importance.entries.size(), 2u);
  EXPECT_EQ(importance.entries.at("blk.1.attn_q.weight")->front(), 2);
}

TEST(PruneLayers, RefusesWhatIsNotThere) {
  Checkpoint pruned = model();
  EXPECT_EQ(code_of([&] { prune_layers(pruned, {4}); }), &codes::bad_value);
  EXPECT_EQ(code_of([&] { prune_layers(pruned, {0, 1, 2, 3}); }), &codes::bad_value);
  Checkpoint bare;
  EXPECT_EQ(code_of([&] { prune_layers(bare, {0}); }), &codes::bad_value);
}

TEST(PruneLayers, ListsHoldNumbersAndRanges) {
  EXPECT_EQ(layer_list("7,3,20-22,3"), (std::vector<int64_t>{3, 7, 20, 21, 22}));
  for (const char* text : {"", ",", "1,", "-1", "2-1", "1-", "x", "1 2", "99999999999999999999"})
    EXPECT_EQ(code_of([&] { layer_list(text); }), &codes::bad_value) << text;
}

}  // namespace
}  // namespace recast

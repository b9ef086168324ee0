#include "quantize/recipe.h"

#include <gtest/gtest.h>

#include <map>

#include "codec/codecs.h"
#include "quantize/file_types.h"
#include "tensor/fill.h"

namespace recast {
namespace {

// A decoder in the names of GGUF; widths of 512, so that every block fits.
struct Model {
  RecipeModel facts{.architecture = "llama", .layers = 16, .heads = 8, .kv_heads = 8};
  bool tied = false;
  int64_t ffn = 512;

  std::vector<Tensor> tensors() const {
    std::vector<Tensor> out;
    const auto add = [&](std::string name, Shape shape) {
      out.push_back({std::move(name), zeros(std::move(shape), codec::f32)});
    };
    add("token_embd.weight", {64, 512});
    if (!tied) add("output.weight", {64, 512});
    for (int64_t i = 0; i < facts.layers; ++i) {
      const std::string block = "blk." + std::to_string(i) + ".";
      for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"})
        add(block + name + ".weight", {512, 512});
      for (const char* name : {"ffn_gate", "ffn_up", "ffn_down"}) {
        Shape shape = name == std::string("ffn_down") ? Shape{512, ffn} : Shape{ffn, 512};
        if (facts.experts > 0) shape.insert(shape.begin(), facts.experts);
        add(block + name + (facts.experts > 0 ? "_exps" : "") + ".weight", shape);
      }
    }
    return out;
  }

  // Name to type.
  std::map<std::string, std::string_view> types(std::string_view quant,
                                                bool has_imatrix = false) const {
    const std::vector<Tensor> all = tensors();
    std::vector<Finding> warnings;
    const auto codecs = decide_types(
        all, {.quant = &file_type(quant), .has_imatrix = has_imatrix, .model = facts}, warnings);
    std::map<std::string, std::string_view> out;
    for (size_t i = 0; i < all.size(); ++i) out[all[i].name] = codecs[i]->name;
    return out;
  }
};

// The layers in which tensors of this name have the type.
std::vector<int64_t> layers(const std::map<std::string, std::string_view>& types,
                            const std::string& part, std::string_view type) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < 100; ++i) {
    const auto it = types.find("blk." + std::to_string(i) + "." + part + ".weight");
    if (it != types.end() && it->second == type) out.push_back(i);
  }
  return out;
}

TEST(Recipe, GivesMoreBitsToTheEndsAndToEveryThird) {
  const auto types = Model{}.types("q4_k_m");
  EXPECT_EQ(types.at("output.weight"), "Q6_K");
  EXPECT_EQ(types.at("token_embd.weight"), "Q4_K");
  const std::vector<int64_t> more = {0, 1, 4, 7, 10, 13, 14, 15};
  EXPECT_EQ(layers(types, "ffn_down", "Q6_K"), more);
  EXPECT_EQ(layers(types, "attn_v", "Q6_K"), more);
  EXPECT_EQ(layers(types, "attn_q", "Q4_K").size(), 16u);
  EXPECT_EQ(layers(Model{}.types("q4_k"), "ffn_down", "Q6_K"), more);
}

TEST(Recipe, CountsInTheOrderOfLayersWhateverThatOfTheFile) {
  std::vector<Tensor> tensors = Model{}.tensors();
  std::reverse(tensors.begin(), tensors.end());
  std::vector<Finding> warnings;
  const Model model;
  const auto codecs = decide_types(
      tensors, {.quant = &file_type("q4_k_m"), .model = model.facts}, warnings);
  const auto want = model.types("q4_k_m");
  for (size_t i = 0; i < tensors.size(); ++i)
    EXPECT_EQ(codecs[i]->name, want.at(tensors[i].name)) << tensors[i].name;
}

TEST(Recipe, TiedEmbeddingIsTheHead) {
  EXPECT_EQ(Model{.tied = true}.types("q4_k_m").at("token_embd.weight"), "Q6_K");
  EXPECT_EQ(Model{.tied = true}.types("iq2_xs", true).at("token_embd.weight"), "Q5_K");
  EXPECT_EQ(Model{}.types("iq2_xs", true).at("token_embd.weight"), "Q2_K");
  EXPECT_EQ(Model{}.types("q8_0").at("output.weight"), "Q8_0");
}

TEST(Recipe, DependsOnHeadsExpertsAndFamily) {
  Model grouped;
  grouped.facts.kv_heads = 2;
  EXPECT_EQ(layers(grouped.types("q2_k"), "attn_v", "Q4_K").size(), 16u);
  EXPECT_EQ(layers(Model{}.types("q2_k"), "attn_v", "Q3_K").size(), 16u);
  Model experts;
  experts.facts.experts = 8;
  const auto mixed = experts.types("q4_k_m");
  EXPECT_EQ(layers(mixed, "attn_k", "Q8_0").size(), 16u);
  EXPECT_EQ(layers(mixed, "attn_v", "Q8_0").size(), 16u);
  EXPECT_EQ(layers(mixed, "attn_output", "Q5_K").size(), 16u);
  EXPECT_EQ(layers(experts.types("mxfp4_moe"), "ffn_up_exps", "MXFP4").size(), 16u);
  EXPECT_EQ(layers(experts.types("mxfp4_moe"), "attn_q", "Q8_0").size(), 16u);
  Model falcon;
  falcon.facts.architecture = "falcon";
  EXPECT_EQ(falcon.types("q4_k_m").at("output.weight"), "Q8_0");
  EXPECT_EQ(layers(falcon.types("q4_k_m"), "ffn_down", "Q6_K"), (std::vector<int64_t>{0}));
  Model large;
  large.facts = {.architecture = "llama", .layers = 80, .heads = 64, .kv_heads = 8};
  EXPECT_EQ(layers(large.types("q4_k_m"), "attn_v", "Q5_K").size() +
                layers(large.types("q4_k_m"), "attn_v", "Q6_K").size(),
            80u);
}

TEST(Recipe, KnowsWhetherThereIsAnImportanceMatrix) {
  EXPECT_EQ(layers(Model{}.types("q4_0", true), "ffn_down", "Q4_1"), (std::vector<int64_t>{0, 1}));
  EXPECT_TRUE(layers(Model{}.types("q4_0"), "ffn_down", "Q4_1").empty());
  EXPECT_EQ(layers(Model{}.types("iq4_xs"), "ffn_down", "Q5_K"), (std::vector<int64_t>{0, 1}));
  EXPECT_TRUE(layers(Model{}.types("iq4_xs", true), "ffn_down", "Q5_K").empty());
}

TEST(Recipe, OddRowsTakeTheFallbackOfTheirType) {
  Model odd{.ffn = 96};
  EXPECT_EQ(layers(odd.types("q4_k_m"), "ffn_down", "Q8_0").size(), 8u);
  EXPECT_EQ(layers(odd.types("q4_k_m"), "ffn_down", "Q5_0").size(), 8u);
  EXPECT_EQ(&fallback_of(codec::q4_k, 33), &codec::f16);
  EXPECT_EQ(&fallback_of(codec::iq4_xs, 64), &codec::iq4_nl);
  EXPECT_EQ(&fallback_of(codec::q5_k, 96), &codec::q5_1);
  EXPECT_EQ(&fallback_of(codec::q4_0, 33), &codec::f16);
}

TEST(Recipe, OnlyTheseTypesNeedAnImportanceMatrix) {
  const FileType &small = file_type("q2_k_s"), &plain = file_type("q2_k");
  EXPECT_TRUE(needs_importance("blk.0.ffn_up.weight", codec::q2_k, &small));
  EXPECT_FALSE(needs_importance("blk.0.ffn_up.weight", codec::q2_k, &plain));
  EXPECT_FALSE(needs_importance("token_embd.weight", codec::q2_k, &small));
  for (const Codec* codec : {&codec::iq1_s, &codec::iq1_m, &codec::iq2_xxs, &codec::iq2_xs,
                             &codec::iq2_s, &codec::iq3_xxs})
    EXPECT_TRUE(needs_importance("blk.0.ffn_up.weight", *codec, nullptr)) << codec->name;
  EXPECT_FALSE(needs_importance("blk.0.ffn_up.weight", codec::iq3_s, nullptr));
  // No search without importance exists for it.
  EXPECT_TRUE(needs_importance("output.weight", codec::iq2_xxs, nullptr));
}

TEST(Recipe, TheFirstPatternThatMatchesDecidesAndDoesNotCount) {
  Model model;
  const std::vector<Tensor> tensors = model.tensors();
  std::vector<TypePattern> patterns = {
      {NamePattern("blk\\.0\\.ffn_down", "--tensor-type"), &codec::q8_0},
      {NamePattern("ffn_down", "--tensor-type"), &codec::q5_1},
      {NamePattern("blk\\.0\\.attn_v", "--tensor-type"), &codec::f16}};
  std::vector<Finding> warnings;
  TypeRequest request{.quant = &file_type("q4_k_s"), .patterns = patterns, .model = model.facts};
  const auto codecs = decide_types(tensors, request, warnings);
  std::map<std::string, std::string_view> types;
  for (size_t i = 0; i < tensors.size(); ++i) types[tensors[i].name] = codecs[i]->name;
  EXPECT_EQ(layers(types, "ffn_down", "Q8_0"), (std::vector<int64_t>{0}));
  EXPECT_EQ(layers(types, "ffn_down", "Q5_1").size(), 15u);
  // Four of attn_v get more, counted without the one that the pattern took.
  EXPECT_EQ(layers(types, "attn_v", "Q5_K"), (std::vector<int64_t>{1, 2, 3, 4}));
  patterns.push_back({NamePattern("no_such", "--tensor-type"), &codec::f16});
  request.patterns = patterns;
  try {
    decide_types(tensors, request, warnings);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, &codes::pattern_unused);
  }
}

TEST(Recipe, ReadsTheModelFromItsKeys) {
  Metadata metadata;
  metadata.set("llama.block_count", MetaValue::u32(22));
  metadata.set("llama.attention.head_count", MetaValue::u32(32));
  EXPECT_EQ(recipe_model("llama", metadata).gqa(), 1);
  metadata.set("llama.attention.head_count_kv", MetaValue::i32s({4, 0, 4}));
  metadata.set("llama.expert_count", MetaValue::u32(8));
  const RecipeModel model = recipe_model("llama", metadata);
  EXPECT_EQ(model.layers, 22);
  EXPECT_EQ(model.gqa(), 8);
  EXPECT_EQ(model.experts, 8);
  metadata.set("llama.attention.head_count_kv", MetaValue::u32(0));
  EXPECT_EQ(recipe_model("llama", metadata).gqa(), 0);
  EXPECT_EQ(recipe_model("other", metadata).layers, 0);
}

}  // namespace
}  // namespace recast

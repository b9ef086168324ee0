#include "arch/derive.h"

#include <fmt/format.h>

#include <algorithm>

#include "arch/arch_testing.h"
#include "arch/families.h"
#include "arch/key_tables.h"
#include "arch/recognise.h"

namespace recast {
namespace {

using namespace arch_testing;

Checkpoint tiny(const Architecture& arch, Convention convention) {
  return tiny_checkpoint(tiny_canonical(facts_of(arch, tiny_config(arch))), convention);
}

// Those whose tiny model has experts, or that have none.
std::vector<const Architecture*> with_experts() {
  std::vector<const Architecture*> out;
  for (const Architecture* arch : all_architectures()) {
    bool has = !find_key(*arch, Fact::experts);
    for (const Tensor& tensor : tiny(*arch, Convention::hf).tensors)
      has = has || tensor.name.find("expert") != std::string::npos ||
            tensor.name.find("output_linear") != std::string::npos;
    if (has) out.push_back(arch);
  }
  return out;
}

// Families whose shapes tell too little: what is derived is refused by shape, or asked for.
bool tells_too_little(const Architecture& arch) {
  return &arch == &dots1 || &arch == &hunyuan_moe || &arch == &mamba2;
}

TEST(Derive, EveryFamilyFitsItsOwnTensors) {
  for (const Architecture* arch : with_experts())
    for (const Convention convention : {Convention::hf, Convention::gguf}) {
      if (convention == Convention::gguf && arch->gguf.empty()) continue;
      if (tells_too_little(*arch)) continue;
      const Checkpoint model = tiny(*arch, convention);
      const NameCensus census = take_census(model);
      const FamilyNames names(*arch, convention);
      const Fit found = fit(census, names, nullptr);
      EXPECT_EQ(found.explained, census.tensors)
          << arch->name << " " << convention_name(convention);
      EXPECT_TRUE(found.complete)
          << arch->name << " " << convention_name(convention) << " " << json::write(found.config);
    }
}

// What is asked for is all that has to be said: the rest of the shapes follows.
TEST(Derive, TheMissingKeysSuffice) {
  for (const Architecture* arch : with_experts()) {
    if (tells_too_little(*arch)) continue;
    const json::Value whole = tiny_config(*arch);
    const Checkpoint model = tiny(*arch, Convention::hf);
    const json::Value bare = complete_by_shapes(*arch, model, nullptr).config;
    json::Value stated{json::Object{}};
    for (const std::string& key : missing_keys(*arch, bare))
      set_member(stated, key, *member(whole, key));
    const CompletedConfig completed = complete_by_shapes(*arch, model, stated);
    EXPECT_TRUE(missing_keys(*arch, completed.config).empty()) << arch->name;
    const ModelFacts facts = facts_of(*arch, completed.config);
    std::vector<Finding> warnings;
    EXPECT_EQ(error_of([&] { to_canonical(model, facts, warnings); }).code, nullptr)
        << arch->name << " " << json::write(completed.config);
    EXPECT_TRUE(warnings.empty()) << arch->name;
    for (const Fact fact : {Fact::layers, Fact::hidden, Fact::heads, Fact::kv_heads, Fact::head_dim,
                            Fact::ffn, Fact::vocab, Fact::experts, Fact::expert_ffn}) {
      // Latent attention: no tensor has that many rows.
      if (fact == Fact::kv_heads &&
          (arch == &minicpm3 || arch == &deepseek_v2 || arch == &deepseek_v3))
        continue;
      EXPECT_EQ(facts.facts.integer(fact), facts_of(*arch, whole).facts.integer(fact))
          << arch->name << " " << fact.name;
    }
  }
}

TEST(Derive, StatedKeysAreKept) {
  const json::Value stated = json::parse(R"({"num_attention_heads": 4, "vocab_size": 11})", {});
  const CompletedConfig completed =
      complete_by_shapes(mistral, tiny(mistral, Convention::hf), stated);
  EXPECT_EQ(json::write(*completed.config.find("num_key_value_heads")), "2");
  EXPECT_EQ(json::write(*completed.config.find("head_dim")), "6");
  EXPECT_EQ(std::count(completed.derived.begin(), completed.derived.end(), "vocab_size 11"), 0);
}

// A tiny model as a file of nothing but tensors.
Recognition of_tensors(const Architecture& arch, Convention convention) {
  Checkpoint model = tiny(arch, convention);
  model.metadata = {};
  return recognise(model, "");
}

TEST(Recognise, NamesAndShapesAloneTellWhatIsUnlikeTheRest) {
  for (const Architecture* arch :
       {&phi, &phi3, &gpt2, &gpt_neox, &gptj, &bloom, &falcon, &gemma2, &gemma3, &olmo, &starcoder2,
        &stablelm, &glm4, &exaone4, &t5, &modernbert, &gpt_oss, &qwen3}) {
    const Recognition r = of_tensors(*arch, Convention::hf);
    EXPECT_EQ(r.arch, arch) << arch->name << ": " << r.evidence;
    EXPECT_TRUE(r.by_names);
  }
  EXPECT_EQ(of_tensors(phi, Convention::gguf).evidence,
            "33 of 33 tensor names and their shapes are those of phi");
}

TEST(Recognise, FamiliesWithTheSameNamesAreNotGuessed) {
  for (const Convention convention : {Convention::hf, Convention::gguf})
    for (const Architecture* arch : {&llama, &mistral, &gemma, &granite}) {
      const Recognition r = of_tensors(*arch, convention);
      EXPECT_EQ(r.arch, nullptr);
      EXPECT_NE(std::find(r.candidates.begin(), r.candidates.end(), arch), r.candidates.end())
          << arch->name;
    }
  const Error error =
      error_of([] { require_architecture(tiny(mistral, Convention::hf), ""); });
  EXPECT_EQ(error.code, &codes::ambiguous_architecture);
  EXPECT_NE(error.expected.find("llama, mistral"), std::string::npos) << error.expected;
}

TEST(Recognise, ATensorTooManyOrTooFewIsNoFit) {
  Checkpoint more = tiny(phi3, Convention::hf);
  more.tensors.push_back({"model.layers.0.new_norm.weight", more.tensors.front().value});
  EXPECT_EQ(recognise(more, "").arch, nullptr);
  const Error error = error_of([&] { require_architecture(more, ""); });
  EXPECT_EQ(error.code, &codes::unknown_architecture);
  EXPECT_NE(error.expected.find("phi3 best (93 %)"), std::string::npos) << error.expected;
  Checkpoint fewer = tiny(phi3, Convention::hf);
  fewer.tensors.pop_back();
  fewer.tensors.pop_back();
  EXPECT_EQ(recognise(fewer, "").arch, nullptr);
}

TEST(Recognise, WrappedNamesAreThoseOfTheFamily) {
  for (const std::string_view wrapper : {"module.", "_orig_mod.", "language_model."}) {
    Checkpoint model = tiny(phi3, Convention::hf);
    for (Tensor& tensor : model.tensors) tensor.name = std::string(wrapper).append(tensor.name);
    EXPECT_EQ(recognise(model, "").arch, &phi3) << wrapper;
  }
  Checkpoint bare = tiny(phi3, Convention::hf);
  for (Tensor& tensor : bare.tensors)
    if (tensor.name.starts_with("model.")) tensor.name.erase(0, 6);
  EXPECT_EQ(recognise(bare, "").arch, &phi3);
}

TEST(Recognise, AGgufWithoutItsArchitectureIsKnownByItsKeys) {
  Checkpoint model = tiny(qwen2, Convention::gguf);
  model.metadata.erase("general.architecture");
  const Recognition r = recognise(model, "");
  EXPECT_EQ(r.arch, &qwen2);
  EXPECT_EQ(r.evidence, "the keys begin with qwen2");
  EXPECT_TRUE(has_own_facts(model));
  model.metadata = {};
  EXPECT_FALSE(has_own_facts(model));
}

TEST(Recognise, AHundredThousandNamesCountOnce) {
  Checkpoint model;
  const ValuePtr value = tiny(llama, Convention::hf).tensors.front().value;
  for (int layer = 0; layer < 100; ++layer)
    for (int expert = 0; expert < 333; ++expert)
      for (const char* part : {"gate_proj", "up_proj", "down_proj"})
        model.tensors.push_back({fmt::format("model.layers.{}.mlp.experts.{}.{}.weight", layer,
                                             expert, part),
                                 value});
  const NameCensus census = take_census(model);
  ASSERT_EQ(census.sorts.size(), 3u);
  EXPECT_EQ(census.sorts[0].count, 33'300u);
  EXPECT_EQ(census.sorts[0].highest, (std::array<int64_t, 2>{99, 332}));
  EXPECT_EQ(recognise(model, "").arch, nullptr);
  for (size_t i = 0; i < model.tensors.size(); ++i)
    model.tensors[i].name.append(fmt::format("x{}", i));
  EXPECT_EQ(take_census(model).others, 99'900u - NameCensus::limit);
  EXPECT_EQ(error_of([&] { require_architecture(model, ""); }).code, &codes::unknown_architecture);
}

}  // namespace
}  // namespace recast

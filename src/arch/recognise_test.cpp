#include "arch/recognise.h"

#include <algorithm>
#include <cctype>

#include "arch/arch_testing.h"
#include "arch/families.h"

namespace recast {
namespace {

using namespace arch_testing;

Checkpoint of_config(std::string_view text) {
  Checkpoint out;
  out.config = json::parse(text, {});
  out.config_file = "config.json";
  return out;
}

TEST(Recognise, EveryFamilyByNameAliasAndClassInAnyCase) {
  for (const Architecture* arch : all_architectures())
    for (const std::string_view list : {arch->name, arch->aliases, arch->classes})
      for (const std::string_view word : words(list)) {
        std::string upper(word);
        std::transform(upper.begin(), upper.end(), upper.begin(),
                       [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        EXPECT_EQ(find_architecture(word), arch);
        EXPECT_EQ(find_architecture(upper), arch);
      }
  EXPECT_EQ(find_architecture(""), nullptr);
  EXPECT_EQ(find_architecture("llamas"), nullptr);
}

TEST(Recognise, StrongerEvidenceWins) {
  Checkpoint c = of_config(R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "phi3"})");
  c.metadata.set("general.architecture", MetaValue::string("gpt2"));
  c.metadata.set("recast.model_type", MetaValue::string("gemma"));
  const auto expect = [&](const Architecture& arch, std::string_view model_type,
                          std::string_view evidence) {
    const Recognition r = recognise(c, model_type);
    EXPECT_EQ(r.arch, &arch);
    EXPECT_EQ(r.evidence, evidence);
  };
  expect(llama, "llama", "--model-type");
  expect(gemma, "", "recast.model_type in the file");
  c.metadata.erase("recast.model_type");
  expect(qwen2, "", "config.json: architectures[0] is Qwen2ForCausalLM");
  c.config.erase("architectures");
  expect(phi3, "", "config.json: model_type is phi3");
  c.config = nullptr;
  expect(gpt2, "", "general.architecture is gpt2");
  c.metadata.erase("general.architecture");
  EXPECT_EQ(recognise(c, "").arch, nullptr);
}

TEST(Recognise, AnUnknownNameIsNotOverruledByWeakerEvidence) {
  Checkpoint c = of_config(R"({"architectures": ["NewForCausalLM"], "model_type": "llama"})");
  c.metadata.set("general.architecture", MetaValue::string("llama"));
  EXPECT_EQ(recognise(c, "").arch, nullptr);
  EXPECT_EQ(recognise(c, "").found, "NewForCausalLM");
  EXPECT_EQ(recognise(c, "newer").arch, nullptr);
  EXPECT_EQ(recognise(c, "newer").found, "newer");
  EXPECT_EQ(recognise(c, "mistral").arch, &mistral);
}

TEST(Recognise, AGgufOfEveryFamilyByItsArchitecture) {
  for (const Architecture* arch : all_architectures()) {
    const Checkpoint gguf =
        tiny_checkpoint(tiny_canonical(facts_of(*arch, tiny_config(*arch))), Convention::gguf);
    const Recognition r = recognise(gguf, "");
    ASSERT_NE(r.arch, nullptr) << arch->name;
    EXPECT_EQ(r.arch->gguf, arch->gguf);
  }
}

TEST(Recognise, AnUnknownArchitectureNamesTheNearest) {
  for (const Architecture* arch : {&gpt2, &phi3}) {
    Checkpoint c = tiny_checkpoint(tiny_canonical(facts_of(*arch, tiny_config(*arch))),
                                   Convention::hf);
    c.config = json::parse(R"({"architectures": ["NewForCausalLM"]})", {});
    const Error error = error_of([&] { require_architecture(c, ""); });
    ASSERT_EQ(error.code, &codes::unknown_architecture);
    EXPECT_EQ(error.found, "NewForCausalLM");
    EXPECT_EQ(error.file, "config.json");
    EXPECT_NE(error.expected.find(std::string(arch->name) + " best (100 %"), std::string::npos)
        << error.expected;
  }
  const Error nothing = error_of([] { require_architecture({}, ""); });
  EXPECT_EQ(nothing.code, &codes::unknown_architecture);
  EXPECT_EQ(nothing.found, "no name of an architecture");
  EXPECT_EQ(nothing.expected, "a known one");
}

TEST(Recognise, TwoFamiliesInOneConfigAreRefused) {
  const auto check = [](std::string_view text, std::vector<Finding>& warnings) {
    return error_of([&] { require_one_family(json::parse(text, {}), "c/config.json", warnings); });
  };
  std::vector<Finding> warnings;
  const Error error =
      check(R"({"architectures": ["LlamaForCausalLM"], "model_type": "gemma"})", warnings);
  EXPECT_EQ(error.code, &codes::family_contradicts);
  EXPECT_EQ(error.where, "key \"model_type\"");
  EXPECT_EQ(error.found, "gemma");
  EXPECT_EQ(error.file, "c/config.json");
  for (const char* one : {R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama"})",
                          R"({"architectures": ["LlamaForCausalLM"], "model_type": "own"})",
                          R"({"architectures": ["OwnForCausalLM"], "model_type": "llama"})",
                          R"({"model_type": "llama"})", R"({"architectures": [5]})"})
    EXPECT_EQ(check(one, warnings).code, nullptr) << one;
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(check(R"({"architectures": ["LlamaForCausalLM"], "model_type": "mistral"})",
                  warnings).code, nullptr);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, &codes::config_spellings_differ);
}

}  // namespace
}  // namespace recast

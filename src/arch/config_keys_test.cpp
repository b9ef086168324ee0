#include "arch/arch_testing.h"
#include "arch/families.h"

namespace recast {
namespace {

using namespace arch_testing;

// What is found of the keys of a config; empty: no warning.
std::string found_in(const Architecture& arch, const json::Value& config) {
  std::vector<Finding> warnings;
  warn_of_unknown_keys(arch, config, "config.json", warnings);
  EXPECT_LE(warnings.size(), 1u);
  if (warnings.empty()) return "";
  EXPECT_EQ(warnings[0].code, &codes::unknown_config_key);
  EXPECT_EQ(warnings[0].file, "config.json");
  return warnings[0].found;
}

TEST(ConfigKeys, WhatAFamilyWritesItKnows) {
  for (const Architecture* arch : all_architectures()) {
    EXPECT_EQ(found_in(*arch, tiny_config(*arch)), "") << arch->name;
    EXPECT_EQ(found_in(*arch, config_from_facts(facts_of(*arch, tiny_config(*arch)), "bfloat16",
                                                nullptr)),
              "")
        << arch->name;
  }
}

TEST(ConfigKeys, UnknownOnesAreOneWarning) {
  json::Value config = tiny_config(llama);
  config.set("logit_cap", 30.0);
  config.set("use_new_norm", true);
  EXPECT_EQ(found_in(llama, config), "2: logit_cap, use_new_norm");
}

TEST(ConfigKeys, HarmlessOnesAreNone) {
  json::Value config = tiny_config(llama);
  for (const char* key : {"embd_pdrop", "attention_dropout_prob", "initializer_range",
                          "temperature", "num_labels", "vision_config", "use_cache"})
    config.set(key, 3);
  config.set("new_switch", nullptr);
  config.set("is_encoder_decoder", false);
  EXPECT_EQ(found_in(llama, config), "");
  config.set("is_encoder_decoder", true);
  EXPECT_EQ(found_in(llama, config), "1: is_encoder_decoder");
}

TEST(ConfigKeys, AShareOfRotaryDimensionsIsOneWhereTheFamilyTurnsAll) {
  for (const Architecture* arch : {&llama, &gpt2}) {
    json::Value config = tiny_config(*arch);
    config.set("partial_rotary_factor", 1.0);
    EXPECT_EQ(found_in(*arch, config), "");
    config.set("partial_rotary_factor", 0.5);
    EXPECT_EQ(found_in(*arch, config), "1: partial_rotary_factor");
  }
  json::Value config = tiny_config(phi);
  config.set("partial_rotary_factor", 0.5);
  EXPECT_EQ(found_in(phi, config), "");
}

TEST(ConfigKeys, AConstantOfTheClassWithAnotherValueIsOne) {
  json::Value config = tiny_config(deepseek_v2);
  config.set("mlp_bias", false);
  EXPECT_EQ(found_in(deepseek_v2, config), "");
  config.set("mlp_bias", true);
  EXPECT_EQ(found_in(deepseek_v2, config), "1: mlp_bias");
}

TEST(ConfigKeys, ListsOfLayersThatAreAllAlikeSayNothing) {
  json::Value config = tiny_config(llama);
  config.set("layer_types", json::parse(R"(["full_attention", "full_attention"])", {}));
  EXPECT_EQ(found_in(llama, config), "");
  config.set("layer_types", json::parse(R"(["full_attention", "linear_attention"])", {}));
  EXPECT_EQ(found_in(llama, config), "1: layer_types");
}

TEST(ConfigKeys, AnotherSpellingOfTheEpsilonMustAgree) {
  json::Value config = tiny_config(llama);
  config.set("layer_norm_eps", *config.find("rms_norm_eps"));
  EXPECT_EQ(found_in(llama, config), "");
  config.set("layer_norm_eps", 0.25);
  EXPECT_EQ(found_in(llama, config), "1: layer_norm_eps");
}

}  // namespace
}  // namespace recast

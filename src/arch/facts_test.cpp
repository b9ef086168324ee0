#include "arch/facts.h"

#include "arch/arch_testing.h"
#include "arch/blocks.h"
#include "arch/families.h"

namespace recast {
namespace {

using namespace arch_testing;

// Only what has no class default, of a size that every default fits.
json::Value least_config(const Architecture& arch) {
  json::Value config{json::Object{}};
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (row.fallback.empty())
        set_member(config, words(row.hf).front(), row.fact == Fact::heads ? json::Value(32)
                                          : row.fact == Fact::hidden
                                              ? json::Value(256)
                                              : tiny_value(row, false));
  return config;
}

TEST(Facts, EveryFamilyReadsEverySpelling) {
  for (const Architecture* arch : all_architectures())
    for (const auto& group : arch->keys)
      for (const KeyRow& row : group)
        for (const std::string_view spelling : words(row.hf)) {
          if (!arch->rope && row.fact == Fact::rope_theta) continue;
          SCOPED_TRACE(std::string(arch->name) + " " + std::string(spelling));
          json::Value config = tiny_config(*arch, true);
          const Facts first = facts_of(*arch, config).facts;
          erase_member(config, words(row.hf).front());
          set_member(config, spelling, tiny_value(row, true));
          const Facts facts = facts_of(*arch, config).facts;
          ASSERT_TRUE(facts.has(row.fact));
          EXPECT_TRUE(*facts.find(row.fact) == *first.find(row.fact));
        }
}

// Whether a fact has the default of its row, when the row says it as JSON.
void expect_default(const KeyRow& row, const Facts& facts) {
  SCOPED_TRACE(row.fact.name);
  if (row.fallback == "null" || row.fallback == "[]") {
    EXPECT_EQ(facts.integer(row.fact), 0);
    EXPECT_EQ(facts.text(row.fact), "");
    return;
  }
  const json::Value value = json::parse(row.fallback, {});
  if (const auto flag = value.as_bool())
    EXPECT_EQ(facts.flag(row.fact), *flag);
  else if (const std::string* text = value.as_string())
    EXPECT_EQ(facts.text(row.fact), *text);
  else
    EXPECT_EQ(facts.real(row.fact), value.as_double());
}

TEST(Facts, WhatIsAbsentOrNullHasTheClassDefault) {
  for (const Architecture* arch : all_architectures())
    for (const bool with_null : {false, true}) {
      SCOPED_TRACE(arch->name);
      json::Value config = least_config(*arch);
      if (with_null)
        for (const auto& group : arch->keys)
          for (const KeyRow& row : group)
            if (!row.fallback.empty() && !row.hf.empty() &&
                row.kind != KeyKind::optional_integer && row.kind != KeyKind::optional_real)
              set_member(config, words(row.hf).front(), nullptr);
      const Facts facts = facts_of(*arch, config).facts;
      for (const auto& group : arch->keys)
        for (const KeyRow& row : group) {
          if (row.fallback.empty() || !facts.has(row.fact) || arch->settle) continue;
          const std::string_view f = row.fallback;
          if (f == from_heads)
            EXPECT_EQ(facts.integer(row.fact), 32);
          else if (f == from_hidden)
            EXPECT_EQ(facts.integer(row.fact), 8);
          else if (f == four_hidden)
            EXPECT_EQ(facts.integer(row.fact), 1024);
          else if (!f.starts_with('='))
            expect_default(row, facts);
        }
    }
}

// Source: the configuration classes of transformers.
TEST(Facts, ClassDefaultsAreThoseOfTransformers) {
  const Facts mistral_facts = facts_of(mistral, least_config(mistral)).facts;
  EXPECT_EQ(mistral_facts.integer(Fact::kv_heads), 8);
  EXPECT_EQ(mistral_facts.integer(Fact::sliding_window), 4096);
  EXPECT_EQ(mistral_facts.real(Fact::norm_eps), 1e-6);
  const Facts gemma_facts = facts_of(gemma, least_config(gemma)).facts;
  EXPECT_EQ(gemma_facts.integer(Fact::head_dim), 256);
  EXPECT_EQ(gemma_facts.integer(Fact::kv_heads), 16);
  EXPECT_TRUE(gemma_facts.flag(Fact::tied));
  EXPECT_EQ(facts_of(qwen2, least_config(qwen2)).facts.integer(Fact::kv_heads), 32);
  EXPECT_EQ(facts_of(phi3, least_config(phi3)).facts.real(Fact::norm_eps), 1e-5);
  EXPECT_TRUE(facts_of(gpt2, least_config(gpt2)).facts.flag(Fact::tied));
  EXPECT_EQ(facts_of(llama, least_config(llama)).facts.real(Fact::rope_theta), 10000);
}

TEST(Facts, EachMissingKeyIsNamedAndAllAtOnce) {
  for (const Architecture* arch : all_architectures()) {
    std::string all;
    for (const auto& group : arch->keys)
      for (const KeyRow& row : group) {
        if (!row.fallback.empty()) continue;
        json::Value config = tiny_config(*arch);
        for (const std::string_view spelling : words(row.hf)) erase_member(config, spelling);
        const Error error = error_of([&] { facts_of(*arch, config); });
        ASSERT_EQ(error.code, &codes::config_key_missing) << row.hf;
        EXPECT_EQ(error.where, key_where(words(row.hf).front()));
        EXPECT_EQ(error.file, "config.json");
        all += (all.empty() ? "" : ", ") + std::string(words(row.hf).front());
      }
    const json::Value nothing{json::Object{}};
    EXPECT_EQ(error_of([&] { facts_of(*arch, nothing); }).expected, all);
  }
}

// Whether a value does for a key of a model with two layers.
bool is_sound(const KeyRow& row, std::string_view text) {
  const bool share = row.fact == Fact::partial_rotary;
  const bool positive =
      share || row.fact == Fact::rope_theta || row.fact == Fact::rope_theta_swa ||
      row.fact.name.ends_with("_eps");
  switch (row.kind) {
    case KeyKind::flag: return text == "true";
    case KeyKind::text: return text == "\"two\"";
    case KeyKind::real:
    case KeyKind::optional_real:
      if (text == "0") return !positive;
      return !share && (text == "2.5" || text == "4294967296");
    case KeyKind::layer_indices: return text == "[1]";
    case KeyKind::count:
    case KeyKind::layer_types:  // a period of 0: no windows
    case KeyKind::optional_integer: return text == "0";
    case KeyKind::integer:
    case KeyKind::layer_flags: return false;
  }
  return false;
}

TEST(Facts, AValueOfTheWrongSortIsRefusedForEveryKey) {
  for (const Architecture* arch : all_architectures())
    for (const auto& group : arch->keys)
      for (const KeyRow& row : group)
        for (const std::string_view text :
             {"\"two\"", "[1]", "{}", "0", "-1", "2.5", "true", "4294967296", "1e300", "NaN"}) {
          if (row.hf.empty() || (!arch->rope && row.fact == Fact::rope_theta)) continue;
          const json::Value value = json::parse(text, {});
          const bool sound = is_sound(row, text);
          if (sound) continue;
          json::Value config = tiny_config(*arch);
          set_member(config, words(row.hf).front(), value);
          SCOPED_TRACE(std::string(arch->name) + " " + std::string(row.hf) + " " +
                       std::string(text));
          const Error error = error_of([&] { facts_of(*arch, config); });
          ASSERT_EQ(error.code, &codes::config_value);
          EXPECT_EQ(error.where, key_where(words(row.hf).front()));
          EXPECT_FALSE(error.expected.empty());
          EXPECT_FALSE(error.found.empty());
        }
}

const ErrorCode* refusal(const Architecture& arch,
                         std::vector<std::pair<std::string, std::string>> members) {
  json::Value config = tiny_config(arch);
  for (const auto& [key, text] : members) config.set(key, json::parse(text, {}));
  return error_of([&] { facts_of(arch, config); }).code;
}

TEST(Facts, NumbersThatContradictEachOtherAreRefused) {
  EXPECT_EQ(refusal(llama, {}), nullptr);
  EXPECT_EQ(refusal(llama, {{"num_key_value_heads", "3"}}), &codes::config_value);
  EXPECT_EQ(refusal(llama, {{"head_dim", "5"}}), &codes::config_value);
  EXPECT_EQ(refusal(llama, {{"head_dim", "8"}}), nullptr);  // need not be hidden / heads
  EXPECT_EQ(refusal(gpt2, {{"n_head", "5"}}), &codes::config_value);
  EXPECT_EQ(refusal(llama, {{"head_dim", "null"}, {"num_attention_heads", "10"}}),
            &codes::config_value);
  EXPECT_EQ(refusal(llama, {{"num_hidden_layers", "20000"}}), nullptr);
  EXPECT_EQ(refusal(llama, {{"num_hidden_layers", "20001"}}), &codes::too_many_layers);
}

TEST(Facts, ABadGgufKeyIsRefusedUnderItsOwnName) {
  Canonical model = tiny_canonical(facts_of(llama, tiny_config(llama)));
  const Checkpoint gguf = tiny_checkpoint(model, Convention::gguf);
  std::vector<Finding> warnings;
  for (const auto& [key, value] :
       {std::pair{"llama.block_count", MetaValue::string("2")},
        {"llama.block_count", MetaValue::u32(0)},
        {"llama.attention.layer_norm_rms_epsilon", MetaValue::string("x")}}) {
    Checkpoint bad = gguf;
    bad.metadata.set(key, value);
    const Error error = error_of([&] { facts_from_gguf(llama, bad, nullptr, warnings); });
    EXPECT_EQ(error.code, &codes::metadata_value) << key;
    EXPECT_EQ(error.where, key_where(key));
  }
  for (const char* key : {"llama.block_count", "llama.embedding_length", "llama.context_length"}) {
    Checkpoint bad = gguf;
    bad.metadata.erase(key);
    const Error error = error_of([&] { facts_from_gguf(llama, bad, nullptr, warnings); });
    EXPECT_EQ(error.code, &codes::config_key_missing);
    EXPECT_EQ(error.where, key_where(key));
  }
}

TEST(Facts, AGuessedConstantIsAWarning) {
  std::vector<Finding> warnings;
  json::Value config = tiny_config(llama);
  config.erase("rms_norm_eps");
  config.erase("rope_theta");
  facts_from_config(llama, config, "config.json", warnings);
  EXPECT_TRUE(warnings.empty());  // transformers leaves the defaults of a class out
  config.set("rms_norm_eps", nullptr);
  config.set("rope_theta", nullptr);
  const ModelFacts facts = facts_from_config(llama, config, "config.json", warnings);
  EXPECT_EQ(facts.facts.real(Fact::norm_eps), 1e-6);
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_EQ(warnings[0].code, &codes::assumed);
  EXPECT_EQ(warnings[0].where, key_where("rms_norm_eps"));
  EXPECT_EQ(warnings[0].found, "1e-06");
  EXPECT_EQ(warnings[1].where, key_where("rope_theta"));

  warnings.clear();
  Checkpoint gguf = tiny_checkpoint(tiny_canonical(facts), Convention::gguf);
  gguf.metadata.erase("llama.attention.layer_norm_rms_epsilon");
  facts_from_gguf(llama, gguf, nullptr, warnings);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, &codes::assumed);
  EXPECT_EQ(warnings[0].where, key_where("llama.attention.layer_norm_rms_epsilon"));
}

TEST(Facts, AnOverlayWinsOverTheKeysOfAGguf) {
  Canonical model = tiny_canonical(facts_of(llama, tiny_config(llama)));
  Checkpoint gguf = tiny_checkpoint(model, Convention::gguf);
  gguf.metadata.erase("llama.context_length");
  std::vector<Finding> warnings;
  const ModelFacts facts = facts_from_gguf(
      llama, gguf,
      json::parse(R"({"max_position_embeddings": 99, "rope_theta": 5.0,
                      "rope_scaling": {"rope_type": "linear", "factor": 2.0}})",
                  {}),
      warnings);
  EXPECT_EQ(facts.facts.integer(Fact::context), 99);
  EXPECT_EQ(facts.rope.type, "linear");
  EXPECT_EQ(facts.rope.factor, 2.0);
}

// Rows that read another fact's key: what they say is in the file only where both are equal.
bool is_lost(const KeyRow& row) {
  return row.gguf == blocks::always || (!row.gguf_written && row.fact != Fact::head_dim);
}

// A config goes into the keys of a GGUF and comes back complete, for every family.
TEST(Facts, GgufKeysGiveTheConfigBack) {
  for (const Architecture* arch : all_architectures()) {
    if (arch->gguf.empty()) continue;
    SCOPED_TRACE(arch->name);
    const ModelFacts model = facts_of(*arch, tiny_config(*arch));
    const Checkpoint gguf = tiny_checkpoint(tiny_canonical(model), Convention::gguf);
    std::vector<Finding> warnings;
    const ModelFacts back = facts_from_gguf(*arch, gguf, nullptr, warnings);
    EXPECT_TRUE(warnings.empty());
    for (const auto& group : arch->keys)
      for (const KeyRow& row : group) {
        if (row.gguf.empty() || !model.facts.has(row.fact) || find_key(*arch, row.fact) != &row)
          continue;
        if (is_lost(row)) continue;
        ASSERT_TRUE(back.facts.has(row.fact)) << row.hf;
        EXPECT_TRUE(*back.facts.find(row.fact) == *model.facts.find(row.fact)) << row.hf;
      }
    const json::Value config = config_from_facts(back, "bfloat16", nullptr);
    EXPECT_EQ(*config.find("model_type")->as_string(), arch->name);
    EXPECT_EQ(*config.find("dtype")->as_string(), "bfloat16");
    const ModelFacts again = facts_of(*arch, config);
    EXPECT_EQ(again.facts.integer(Fact::hidden), 24);
    EXPECT_EQ(again.facts.integer(Fact::head_dim), model.facts.integer(Fact::head_dim));
  }
}

TEST(Facts, ACompletedConfigKeepsWhatItSaysAndAddsTheDefaults) {
  json::Value config = least_config(llama);
  config.set("hidden_act", "gelu");
  const json::Value done = complete_config(config, facts_of(llama, config), "float16");
  EXPECT_EQ(*done.find("hidden_act")->as_string(), "gelu");
  EXPECT_EQ(done.find("num_key_value_heads")->as_int(), 32);
  EXPECT_EQ(done.find("tie_word_embeddings")->as_bool(), false);
  EXPECT_EQ(done.find("pretraining_tp")->as_int(), 1);
  EXPECT_EQ(*done.find("torch_dtype")->as_string(), "float16");
}

TEST(Facts, KeysWithoutAPlaceInAGgufAreListed) {
  json::Value config = tiny_config(llama);
  config.set("hidden_act", "silu");
  config.set("my_own_key", 3);
  config.set("bos_token_id", 1);
  const std::vector<std::string> keys = unmapped_config_keys(llama, config);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "my_own_key"), 1);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "hidden_act"), 1);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "bos_token_id"), 0);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "hidden_size"), 0);
}

TEST(Facts, WhatTheRuntimeIgnoresIsAWarningByName) {
  const auto warned = [](const Architecture& arch,
                         std::vector<std::pair<std::string, std::string>> members) {
    json::Value config = tiny_config(arch);
    for (const auto& [key, text] : members) config.set(key, json::parse(text, {}));
    std::vector<Finding> warnings;
    warn_of_runtime(facts_of(arch, config), config, "config.json", warnings);
    std::vector<std::string> out;
    for (const Finding& w : warnings)
      out.push_back(std::string(w.code->symbol) + " " + w.where);
    return out;
  };
  const auto one = [](std::string_view code, std::string_view key) {
    return std::vector<std::string>{std::string(code) + " " + key_where(key)};
  };
  EXPECT_TRUE(warned(llama, {}).empty());
  EXPECT_EQ(warned(llama, {{"hidden_act", "\"relu\""}}), one("runtime_ignores", "hidden_act"));
  EXPECT_EQ(warned(mistral, {{"sliding_window", "4096"}}),
            one("runtime_ignores", "sliding_window"));
  EXPECT_TRUE(warned(mistral, {{"sliding_window", "null"}}).empty());
  EXPECT_EQ(warned(qwen2, {{"use_sliding_window", "true"}}),
            one("runtime_ignores", "use_sliding_window"));
  EXPECT_EQ(warned(llama, {{"rope_scaling", R"({"type": "dynamic", "factor": 2})"}}),
            one("runtime_ignores", "rope_scaling"));
  EXPECT_EQ(warned(gpt2, {}), one("runtime_refuses", "n_inner"));
  EXPECT_TRUE(warned(gpt2, {{"n_inner", "null"}}).empty());
}

TEST(Facts, KeysOfAnObjectInsideAreReadAndWritten) {
  json::Value config = tiny_config(mpt);
  config.set("attn_config", json::parse(R"({"clip_qkv": 1.5, "alibi_bias_max": 16})", {}));
  const ModelFacts model = facts_of(mpt, config);
  EXPECT_EQ(model.facts.real(Fact{"clip_qkv"}), 1.5);
  const json::Value written = config_from_facts(model, "float32", nullptr);
  const json::Value* inner = written.find("attn_config");
  ASSERT_TRUE(inner && inner->is_object());
  EXPECT_EQ(inner->find("alibi_bias_max")->as_int(), 16);
  EXPECT_TRUE(inner->find("attn_type"));  // a constant beside it
  const std::vector<std::string> rest = unmapped_config_keys(mpt, config);
  EXPECT_EQ(std::count(rest.begin(), rest.end(), "attn_config.clip_qkv"), 0);
  config.find("attn_config")->set("my_own", 1);
  const std::vector<std::string> more = unmapped_config_keys(mpt, config);
  EXPECT_EQ(std::count(more.begin(), more.end(), "attn_config.my_own"), 1);
}

TEST(Facts, AListOfEqualNumbersIsThatNumber) {
  json::Value config = tiny_config(hunyuan_moe);
  config.set("moe_topk", json::Array{2, 2});
  EXPECT_EQ(facts_of(hunyuan_moe, config).facts.integer(Fact::experts_used), 2);
  for (const char* list : {"[2, 3]", "[2]", "[]"}) {
    config.set("moe_topk", json::parse(list, {}));
    EXPECT_EQ(error_of([&] { facts_of(hunyuan_moe, config); }).code, &codes::config_value) << list;
  }
}

// The reference says 4 times the width whatever the width of the MLP is.
TEST(Facts, ShapesTellWhatAGgufSaysWrong) {
  const ModelFacts model = facts_of(gpt2, tiny_config(gpt2));
  const Checkpoint gguf = tiny_checkpoint(tiny_canonical(model), Convention::gguf);
  EXPECT_EQ(gguf.metadata.find("gpt2.feed_forward_length")->as_int(), 4 * 24);
  std::vector<Finding> warnings;
  EXPECT_EQ(facts_from_gguf(gpt2, gguf, nullptr, warnings).facts.integer(Fact::ffn), 20);
}

}  // namespace
}  // namespace recast

#include "arch/rope.h"

#include <fmt/format.h>

#include <cmath>

#include "arch/arch_testing.h"
#include "arch/families.h"

namespace recast {
namespace {

using namespace arch_testing;

// Head width 64, context 131072.
json::Value big_config(const Architecture& arch) {
  json::Value config = tiny_config(arch);
  for (const auto& [key, value] :
       {std::pair<const char*, int64_t>{"hidden_size", 256}, {"head_dim", 64},
        {"max_position_embeddings", 131072}})
    config.set(key, value);
  config.erase("rope_theta");
  config.erase("partial_rotary_factor");
  return config;
}

json::Value with_rope(const Architecture& arch, std::string_view key, std::string_view text) {
  json::Value config = big_config(arch);
  config.set(key, json::parse(text, {}));
  return config;
}

// The keys and factor tensors of a GGUF, read again.
ModelFacts through_gguf(const ModelFacts& model) {
  Checkpoint gguf;
  gguf.convention = Convention::gguf;
  gguf.metadata = gguf_metadata(model);
  gguf.tensors.push_back({"token_embd.weight", constant({}, {11, 0}, codec::f32)});
  for (const auto& [role, factors] : rope_tensors(model)) {
    const std::string name = role == Role::rope_freqs          ? "rope_freqs.weight"
                             : role == Role::rope_factors_long ? "rope_factors_long.weight"
                                                               : "rope_factors_short.weight";
    gguf.tensors.push_back(
        {name, constant_f32(factors, {static_cast<int64_t>(factors.size())}, codec::f32)});
  }
  std::vector<Finding> warnings;
  return facts_from_gguf(*model.arch, gguf, nullptr, warnings);
}

std::string list_of(size_t n, double first) {
  std::string text = "[";
  for (size_t i = 0; i < n; ++i)
    text += (i ? ", " : "") + std::to_string(first + 0.25 * static_cast<double>(i));
  return text + "]";
}

struct Kind {
  const Architecture* arch;
  std::string parameters;  // of the new spelling
};

std::vector<Kind> kinds() {
  const std::string lists =
      R"("long_factor": )" + list_of(32, 1) + R"(, "short_factor": )" + list_of(32, 1.5);
  return {
      {&llama, R"({"rope_type": "default", "rope_theta": 10000.0})"},
      {&qwen2, R"({"rope_type": "default", "rope_theta": 1000000.0})"},
      {&llama, R"({"rope_type": "linear", "factor": 2.5, "rope_theta": 10000.0})"},
      {&qwen2, R"({"rope_type": "yarn", "factor": 4.0, "rope_theta": 1000000.0,
                   "original_max_position_embeddings": 32768, "beta_fast": 32.0,
                   "beta_slow": 1.0, "attention_factor": 0.1})"},
      {&llama, R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                   "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
                   "rope_theta": 500000.0})"},
      {&llama, R"({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                   "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
                   "rope_theta": 500000.0})"},
      {&phi3, R"({"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 1.0,
                  "original_max_position_embeddings": 4096, )" + lists + "}"},
      {&minicpm, R"({"rope_type": "longrope", "rope_theta": 10000.0, "attention_factor": 1.25,
                   "original_max_position_embeddings": 4096, )" + lists + "}"},
  };
}

TEST(Rope, EachKindComesBackFromAGguf) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.parameters.substr(0, 40));
    const ModelFacts model =
        facts_of(*kind.arch, with_rope(*kind.arch, "rope_parameters", kind.parameters));
    const json::Value config = config_from_facts(through_gguf(model), "float32", nullptr);
    EXPECT_EQ(*config.find("rope_parameters"), json::parse(kind.parameters, {}))
        << json::write(*config.find("rope_parameters"));
  }
}

TEST(Rope, OldAndNewSpellingSayTheSame) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.parameters.substr(0, 40));
    json::Value scaling = json::parse(kind.parameters, {});
    json::Value old = big_config(*kind.arch);
    for (const char* key : {"rope_theta", "partial_rotary_factor"}) {
      if (const json::Value* value = scaling.find(key)) old.set(key, *value);
      scaling.erase(key);
    }
    const json::Value type = *scaling.find("rope_type");
    scaling.erase("rope_type");
    scaling.set("type", type);
    if (*type.as_string() != "default") old.set("rope_scaling", scaling);
    const ModelFacts from_new =
        facts_of(*kind.arch, with_rope(*kind.arch, "rope_parameters", kind.parameters));
    json::Value a{json::Object{}}, b{json::Object{}};
    write_rope_config(from_new, a);
    write_rope_config(facts_of(*kind.arch, old), b);
    EXPECT_EQ(a, b) << json::write(a) << "\n" << json::write(b);
    // What is written in both spellings reads as either.
    json::Value only_old = a;
    only_old.erase("rope_parameters");
    json::Value again = big_config(*kind.arch);
    for (const auto& [key, value] : *only_old.as_object()) again.set(key, value);
    json::Value c{json::Object{}};
    write_rope_config(facts_of(*kind.arch, again), c);
    EXPECT_EQ(a, c) << json::write(a) << "\n" << json::write(c);
  }
}

TEST(Rope, DynamicScalingHasNoPlaceInAGguf) {
  const ModelFacts model = facts_of(
      llama, with_rope(llama, "rope_scaling", R"({"type": "dynamic", "factor": 2.0})"));
  EXPECT_EQ(model.rope.type, "dynamic");
  EXPECT_EQ(through_gguf(model).rope.type, "default");
}

TEST(Rope, FirstNamesOfLongropeAreRead) {
  const std::string lists =
      R"("long_factor": )" + list_of(32, 1) + R"(, "short_factor": )" + list_of(32, 1.5);
  EXPECT_EQ(facts_of(phi3, with_rope(phi3, "rope_scaling", R"({"type": "su", )" + lists + "}"))
                .rope.type,
            "longrope");
  EXPECT_EQ(facts_of(phi3, with_rope(phi3, "rope_scaling", R"({"type": "yarn", )" + lists + "}"))
                .rope.type,
            "longrope");
}

TEST(Rope, APartOfTheHeadTurnsAndComesBack) {
  json::Value config = big_config(phi3);
  config.set("partial_rotary_factor", 0.75);
  const ModelFacts model = facts_of(phi3, config);
  EXPECT_EQ(rope_dimensions(model), 48);
  EXPECT_EQ(gguf_metadata(model).find("phi3.rope.dimension_count")->as_int(), 48);
  EXPECT_EQ(through_gguf(model).facts.real(Fact::partial_rotary), 0.75);
  for (int64_t width = 2; width <= 128; width += 2)
    for (int64_t turned = 2; turned <= width; turned += 2) {
      ModelFacts some = model;
      some.facts.set(Fact::head_dim, width);
      Checkpoint gguf;
      gguf.metadata = gguf_metadata(some);
      gguf.metadata.set("phi3.attention.key_length", MetaValue::u32(static_cast<uint32_t>(width)));
      gguf.metadata.set("phi3.rope.dimension_count",
                        MetaValue::u32(static_cast<uint32_t>(turned)));
      gguf.tensors.push_back({"token_embd.weight", constant({}, {11, 0}, codec::f32)});
      std::vector<Finding> warnings;
      ASSERT_EQ(rope_dimensions(facts_from_gguf(phi3, gguf, nullptr, warnings)), turned) << width;
    }
}

// Expected: the formula of modeling_rope_utils in 64-bit floats by another program.
TEST(Rope, Llama3FactorsAreThoseOfTheFormula) {
  const auto factors = [](int64_t width, std::string_view parameters) {
    json::Value config = with_rope(llama, "rope_parameters", parameters);
    config.set("head_dim", width);
    const auto tensors = rope_tensors(facts_of(llama, config));
    EXPECT_EQ(tensors.size(), 1u);
    EXPECT_EQ(tensors[0].first, Role::rope_freqs);
    return tensors[0].second;
  };
  const auto expect_near = [](const std::vector<float>& got, const std::vector<double>& want) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], want[i] * 2e-6) << i;
  };
  std::vector<double> wide(32, 1.0);
  std::fill(wide.begin() + 18, wide.end(), 32.0);
  wide[15] = 1.6513292;
  wide[16] = 3.2922621;
  wide[17] = 9.666729;
  expect_near(factors(64, R"({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                              "high_freq_factor": 4.0, "rope_theta": 500000.0,
                              "original_max_position_embeddings": 8192})"),
              wide);
  expect_near(factors(32, R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                              "high_freq_factor": 4.0, "rope_theta": 10000.0,
                              "original_max_position_embeddings": 1024})"),
              {1, 1, 1, 1, 1, 1, 1, 1.4735666, 3.2396418, 8, 8, 8, 8, 8, 8, 8});
}

TEST(Rope, LongropeStretchesAttentionByTheUsualFactor) {
  const ModelFacts model =
      facts_of(phi3, with_rope(phi3, "rope_scaling",
                               R"({"type": "longrope", "original_max_position_embeddings": 4096,
                                   "long_factor": )" + list_of(32, 1) +
                                   R"(, "short_factor": )" + list_of(32, 1.5) + "}"));
  // sqrt(1 + log(131072 / 4096) / log(4096))
  EXPECT_NEAR(*gguf_metadata(model).find("phi3.rope.scaling.attn_factor")->as_double(),
              1.1902380714238083, 1e-6);
}

TEST(Rope, SpellingsThatDisagreeAreAWarning) {
  json::Value config =
      with_rope(llama, "rope_parameters", R"({"rope_type": "default", "rope_theta": 5e5})");
  config.set("rope_theta", 10000.0);
  std::vector<Finding> warnings;
  const ModelFacts model = facts_from_config(llama, config, "config.json", warnings);
  EXPECT_EQ(model.facts.real(Fact::rope_theta), 5e5);
  EXPECT_TRUE(has_code(warnings, codes::config_spellings_differ));
}

TEST(Rope, BadDescriptionsAreRefusedByKey) {
  const auto expect_refused = [](const ErrorCode& code, std::string_view key,
                                 std::string_view text) {
    const json::Value config = with_rope(llama, "rope_scaling", text);
    const Error error = error_of([&] { facts_of(llama, config); });
    EXPECT_EQ(error.code, &code) << text;
    EXPECT_EQ(error.where, key_where(key)) << text;
  };
  const ErrorCode& bad = codes::config_value;
  expect_refused(bad, "rope_scaling", "[1]");
  expect_refused(bad, "rope_scaling", "\"yarn\"");
  expect_refused(bad, "rope_type", R"({"rope_type": "spiral"})");
  expect_refused(bad, "rope_type", R"({"rope_type": 3})");
  expect_refused(bad, "factor", R"({"rope_type": "linear", "factor": "2"})");
  expect_refused(bad, "long_factor", R"({"rope_type": "longrope", "long_factor": 3})");
  expect_refused(bad, "long_factor", R"({"rope_type": "longrope", "long_factor": ["a"]})");
  expect_refused(bad, "long_factor", R"({"rope_type": "longrope", "long_factor": [1, 2]})");
  expect_refused(bad, "short_factor", R"({"rope_type": "longrope", "long_factor": )" +
                                          list_of(32, 1) + R"(, "short_factor": [1]})");
  expect_refused(bad, "original_max_position_embeddings",
                 R"({"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": "x"})");
  expect_refused(bad, "rope_theta", R"({"rope_type": "default", "rope_theta": 0})");
  expect_refused(bad, "rope_theta", R"({"rope_type": "default", "rope_theta": Infinity})");
  expect_refused(bad, "factor", R"({"rope_type": "linear", "factor": NaN})");
  expect_refused(bad, "rope_theta", R"({"rope_type": "default", "rope_theta": 1e39})");
  expect_refused(bad, "rope_theta", R"({"rope_type": "default", "rope_theta": 1e-60})");
  expect_refused(bad, "original_max_position_embeddings",
                 R"({"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 0})");
  for (const char* factor : {"0", "-2.0", "1e39"})
    for (const char* type : {"linear", "dynamic", "yarn", "llama3"})
      expect_refused(bad, "factor",
                     fmt::format(R"({{"rope_type": "{}", "factor": {}}})", type, factor));
  const std::string llama3 = R"({"rope_type": "llama3", "factor": 8.0)";
  const ErrorCode& missing = codes::config_key_missing;
  expect_refused(missing, "low_freq_factor", llama3 + "}");
  expect_refused(missing, "high_freq_factor", llama3 + R"(, "low_freq_factor": 1})");
  const std::string both = llama3 + R"(, "low_freq_factor": 1, "high_freq_factor": )";
  expect_refused(missing, "original_max_position_embeddings", both + "4}");
  const std::string original = R"(, "original_max_position_embeddings": 8192})";
  expect_refused(bad, "high_freq_factor", both + "0.5" + original);
  EXPECT_FALSE(error_of([&] {
                 facts_of(llama, with_rope(llama, "rope_scaling", both + "1" + original));
               }).code);  // Llama 4 Scout
  expect_refused(bad, "low_freq_factor",
                 llama3 + R"(, "low_freq_factor": 0, "high_freq_factor": 4)" + original);
  for (const char* type : {"linear", "yarn", "llama3"})
    expect_refused(codes::config_key_missing, "factor",
                   R"({"rope_type": ")" + std::string(type) + "\"}");
}

TEST(Rope, BadScalingInAGgufIsRefusedByItsOwnKey) {
  Checkpoint gguf;
  gguf.config_file = "m.gguf";
  gguf.metadata = gguf_metadata(facts_of(llama, big_config(llama)));
  gguf.tensors.push_back({"token_embd.weight", constant({}, {11, 0}, codec::f32)});
  const auto read = [](const Checkpoint& from) {
    std::vector<Finding> warnings;
    return facts_from_gguf(llama, from, nullptr, warnings);
  };
  const auto refusal = [&](std::string_view key, const MetaValue& value, const char* type) {
    Checkpoint bad = gguf;
    if (type) bad.metadata.set("llama.rope.scaling.type", MetaValue::string(type));
    bad.metadata.set(fmt::format("llama.{}", key), value);
    const Error error = error_of([&] { read(bad); });
    EXPECT_EQ(error.code, &codes::metadata_value) << key;
    EXPECT_EQ(error.where, key_where(fmt::format("llama.{}", key)));
    EXPECT_EQ(error.file, "m.gguf");
  };
  for (const float number : {0.0f, -1.0f, NAN, INFINITY}) {
    refusal("rope.freq_base", MetaValue::f32(number), nullptr);
    refusal("attention.layer_norm_rms_epsilon", MetaValue::f32(number), nullptr);
    refusal("rope.scaling.factor", MetaValue::f32(number), "linear");
    refusal("rope.scaling.factor", MetaValue::f32(number), "yarn");
  }
  refusal("rope.scaling.type", MetaValue::string("spiral"), nullptr);
  refusal("rope.scaling.type", MetaValue::u32(1), nullptr);

  Checkpoint scaled = gguf;
  scaled.metadata.set("llama.rope.scaling.factor", MetaValue::f32(4.0f));
  EXPECT_EQ(read(scaled).rope.type, "linear");  // what the runtime takes for no name
  scaled.metadata.set("llama.rope.scaling.factor", MetaValue::f32(0.0f));
  EXPECT_EQ(read(scaled).rope.type, "default");
  scaled.metadata.erase("llama.rope.scaling.factor");
  scaled.metadata.set("llama.rope.scaling.type", MetaValue::string("linear"));
  EXPECT_EQ(error_of([&] { read(scaled); }).where, key_where("llama.rope.scaling.factor"));
}

TEST(Rope, AFamilyWithoutRotaryEmbeddingsHasNone) {
  const ModelFacts model = facts_of(gpt2, tiny_config(gpt2));
  EXPECT_FALSE(model.facts.has(Fact::rope_theta));
  EXPECT_TRUE(rope_tensors(model).empty());
  const Metadata metadata = gguf_metadata(model);
  for (const auto& [key, value] : metadata.entries())
    EXPECT_EQ(key.find("rope"), std::string::npos);
}

// The code and found of the warnings of a Llama with such rope_scaling, or of its refusal.
std::string told(std::string_view scaling, std::string_view parameters = "null") {
  json::Value config = with_rope(llama, "rope_scaling", scaling);
  config.set("rope_parameters", json::parse(parameters, {}));
  std::vector<Finding> warnings;
  const Error error =
      error_of([&] { facts_from_config(llama, config, "config.json", warnings); });
  std::string out = error.code ? std::string(error.code->symbol) + " " + error.where : "";
  for (const Finding& w : warnings) out += std::string(w.code->symbol) + " " + w.found + ";";
  return out;
}

TEST(Rope, OddSpellingsOfTheKindAreToldOrRefused) {
  for (const char* nothing : {"{}", R"({"type": null})", R"({"type": "default", "factor": 1.0})",
                              R"({"type": "linear", "rope_type": "linear", "factor": 2.0})",
                              R"({"type": "mrope", "rope_type": "default",
                                  "mrope_section": [1, 2, 3]})"})
    EXPECT_EQ(told(nothing), "") << nothing;
  EXPECT_EQ(told(R"({"type": null, "factor": 4.0})"), "assumed default, which has no factor;");
  EXPECT_EQ(told(R"({"type": "default", "factor": 4.0})"),
            "unknown_config_key 1: rope_scaling.factor;");
  EXPECT_EQ(told(R"({"type": "linear", "factor": 2.0, "odd": 1, "finetuned": true})"),
            "unknown_config_key 1: rope_scaling.odd;");
  EXPECT_EQ(told(R"({"rope_type": "linear", "type": "yarn", "factor": 4.0})"),
            "config_value key \"type\"");
  EXPECT_EQ(told(R"({"rope_type": 5})"), "config_value key \"rope_type\"");
  EXPECT_EQ(told(R"({"type": "dynamic"})"), "config_key_missing key \"factor\"");
  for (const char* factor : {"0", "-2", "\"4\"", "NaN"})
    EXPECT_EQ(told(std::string(R"({"type": "linear", "factor": )") + factor + "}"),
              "config_value key \"factor\"") << factor;
}

TEST(Rope, TheTwoObjectsMustDescribeOneScaling) {
  constexpr std::string_view twice = R"({"rope_type": "linear", "factor": 2.0})";
  EXPECT_EQ(told(twice, twice), "");
  EXPECT_EQ(told("{}", twice), "");
  EXPECT_EQ(told(R"({"type": "default"})", R"({"rope_type": "default", "rope_theta": 5.0})"), "");
  for (const char* other : {R"({"rope_type": "default"})",
                            R"({"rope_type": "yarn", "factor": 2.0})",
                            R"({"rope_type": "linear", "factor": 4.0})"})
    EXPECT_EQ(told(twice, other), "config_value key \"rope_scaling\"") << other;
  EXPECT_EQ(told("null", "5"), "config_value key \"rope_parameters\"");
}

TEST(Rope, AShareThatTheFamilyDoesNotTurnIsTold) {
  EXPECT_EQ(told("null", R"({"rope_type": "default", "partial_rotary_factor": 0.5})"),
            "unknown_config_key 1: rope_parameters.partial_rotary_factor;");
  EXPECT_EQ(told("null", R"({"rope_type": "default", "partial_rotary_factor": 1.0})"), "");
}

}  // namespace
}  // namespace recast

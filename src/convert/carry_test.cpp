#include "convert/carry.h"

#include <algorithm>

#include "arch/facts.h"
#include "arch/recognise.h"
#include "convert/convert_testing.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

using namespace convert_testing;

const Architecture& llama_family() { return *find_architecture("llama"); }
ModelFacts llama_facts(std::string rope_type = "default") {
  ModelFacts model{.arch = &llama_family()};
  model.rope.type = std::move(rope_type);
  return model;
}

// A Llama of width 64 as the file that members travel in.
Checkpoint tiny_gguf() {
  Checkpoint gguf;
  gguf.convention = Convention::gguf;
  for (const char* key : {"block_count", "attention.head_count"})
    gguf.metadata.set(fmt::format("llama.{}", key), MetaValue::u32(2));
  for (const char* key : {"embedding_length", "feed_forward_length", "context_length"})
    gguf.metadata.set(fmt::format("llama.{}", key), MetaValue::u32(64));
  const std::vector<float> zeros(64 * 8);
  gguf.tensors.push_back({"token_embd.weight", constant_f32(zeros, {8, 64}, codec::f32)});
  return gguf;
}

TEST(Carry, ConfigKeysComeBackInTheirSpelling) {
  const json::Value config = json::parse(
      R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
          "rope_parameters": {"factor": 2.0, "rope_theta": 10000.0, "rope_type": "dynamic"},
          "my_own": {"a": [1, 2.50, null, 1e-06]}, "text": "ä \" \\", "flag": true})",
      {});
  Checkpoint gguf = tiny_gguf();
  const size_t before = gguf.metadata.entries().size();
  std::vector<std::string> kept;
  carry_config(config, llama_facts("dynamic"), {}, gguf, kept);
  const json::Value back = restore_config(gguf);
  for (const char* key : {"architectures", "model_type", "rope_parameters", "my_own", "text",
                          "flag"}) {
    ASSERT_NE(back.find(key), nullptr) << key;
    EXPECT_EQ(json::write(*back.find(key)), json::write(*config.find(key)));
  }
  EXPECT_EQ(back.find("hidden_size"), nullptr);  // a key of its own in GGUF
  EXPECT_EQ(kept.size(), gguf.metadata.entries().size() - before);
}

TEST(Carry, TheGenerationConfigComesBack) {
  Checkpoint source;
  source.generation_config = json::parse(R"({"eos_token_id": [2, 5], "temperature": 0.60})", {});
  std::vector<std::string> kept;
  Checkpoint gguf = tiny_gguf();
  carry_config(json::Value(json::Object{}), llama_facts(), source, gguf, kept);
  EXPECT_TRUE(restore_config(gguf).as_object()->empty());
  EXPECT_EQ(json::write(restore_generation_config(gguf, nullptr)),
            json::write(source.generation_config));
  EXPECT_TRUE(restore_generation_config({}, nullptr).is_null());
}

TEST(Carry, GgufKeysOfEveryTypeComeBack) {
  Checkpoint gguf;
  const auto list = [](MetaType element, auto values) {
    return MetaValue{MetaType::array, element, MetaValue::Array(std::move(values))};
  };
  using Ints = std::vector<int64_t>;
  gguf.metadata.set("my.u8", {MetaType::u8, {}, int64_t{200}});
  gguf.metadata.set("my.i8", {MetaType::i8, {}, int64_t{-3}});
  gguf.metadata.set("my.u16", MetaValue::u16(65535));
  gguf.metadata.set("my.i16", {MetaType::i16, {}, int64_t{-300}});
  gguf.metadata.set("my.u32", MetaValue::u32(4000000000u));
  gguf.metadata.set("my.i32", MetaValue::i32(-7));
  gguf.metadata.set("my.u64", {MetaType::u64, {}, uint64_t{1} << 63});
  gguf.metadata.set("my.i64", {MetaType::i64, {}, int64_t{-1} << 60});
  gguf.metadata.set("my.f32", MetaValue::f32(0.1f));
  gguf.metadata.set("my.f64", {MetaType::f64, {}, 0.1});
  gguf.metadata.set("my.flag", MetaValue::boolean(true));
  gguf.metadata.set("my.text", MetaValue::string("a\n\"b\""));
  gguf.metadata.set("my.texts", MetaValue::strings({"x", ""}));
  gguf.metadata.set("my.ids", MetaValue::i32s({1, -2}));
  gguf.metadata.set("my.floats", MetaValue::f32s({0.5, 0.25}));
  gguf.metadata.set("my.large", list(MetaType::u64, std::vector<uint64_t>{~uint64_t{0}}));
  gguf.metadata.set("my.none", list(MetaType::i16, Ints{}));
  const Metadata own = gguf.metadata;
  gguf.metadata.set("general.architecture", MetaValue::string("llama"));
  gguf.metadata.set("llama.block_count", MetaValue::u32(2));
  gguf.metadata.set("tokenizer.ggml.model", MetaValue::string("gpt2"));
  gguf.metadata.set("recast.version", MetaValue::string("9"));

  Checkpoint folder;
  carry_gguf_keys(gguf, llama_family(), {}, folder.metadata);
  EXPECT_EQ(folder.metadata.entries().size(), own.entries().size());
  Metadata back;
  std::vector<Finding> warnings;
  restore_gguf_keys(folder, back, warnings);
  EXPECT_TRUE(warnings.empty());
  ASSERT_EQ(back.entries().size(), own.entries().size());
  for (const auto& [key, value] : own.entries()) {
    ASSERT_NE(back.find(key), nullptr) << key;
    EXPECT_EQ(*back.find(key), value) << key;
  }
}

TEST(Carry, WhatNoFactHoldsOfAGgufIsCarriedAndComesBack) {
  Checkpoint gguf = tiny_gguf();
  gguf.metadata.set("llama.attention.layer_norm_rms_epsilon", MetaValue::f32(1e-5f));
  gguf.metadata.set("llama.rope.dimension_count", MetaValue::u32(32));
  gguf.metadata.set("llama.attention.key_length", {MetaType::u64, {}, uint64_t{32}});
  gguf.metadata.set("llama.vocab_size", MetaValue::u32(8));
  gguf.metadata.set("llama.attention.causal", MetaValue::boolean(true));
  gguf.metadata.set("llama.logit_scale", MetaValue::f32(0.5f));
  gguf.metadata.set("llama.expert_count", MetaValue::u32(0));
  gguf.metadata.set("tokenizer.ggml.model", MetaValue::string("gpt2"));
  gguf.metadata.set("tokenizer.ggml.add_bos_token", MetaValue::boolean(true));
  gguf.metadata.set("tokenizer.mystery", MetaValue::string("x"));
  std::vector<Finding> warnings;
  const ModelFacts model = facts_from_gguf(llama_family(), gguf, nullptr, warnings);
  const std::vector<std::string> unread = unread_gguf_keys(gguf, model);
  EXPECT_EQ(unread, (std::vector<std::string>{"llama.attention.causal", "llama.logit_scale",
                                              "llama.expert_count", "tokenizer.mystery"}));
  std::vector<std::string> acting;
  for (const std::string& key : unread)
    if (may_change_results(llama_family(), key, *gguf.metadata.find(key))) acting.push_back(key);
  EXPECT_EQ(acting, std::vector<std::string>{"llama.logit_scale"});

  Checkpoint folder;
  carry_gguf_keys(gguf, llama_family(), unread, folder.metadata);
  Metadata back;
  std::vector<Finding> left_out;
  restore_gguf_keys(folder, back, left_out);
  EXPECT_TRUE(left_out.empty());
  EXPECT_EQ(back.entries().size(), unread.size());
  for (const std::string& key : unread) EXPECT_EQ(*back.find(key), *gguf.metadata.find(key));

  gguf.metadata.set("llama.rope.dimension_count", MetaValue::u32(0));
  EXPECT_EQ(unread_gguf_keys(gguf, model).front(), "llama.rope.dimension_count");
  EXPECT_TRUE(may_change_results(llama_family(), "llama.rope.dimension_count", MetaValue::u32(0)));
  gguf.metadata.set("llama.rope.dimension_count", MetaValue::u32(32));
  gguf.metadata.set("llama.vocab_size", MetaValue::u32(9));
  EXPECT_EQ(unread_gguf_keys(gguf, model).front(), "llama.vocab_size");
}

std::string provenance(const TinyModel& model, Given given) {
  std::string text;
  const Plan plan = plan_of(tiny_options(model, "secret_name.gguf", given));
  for (const auto& [key, value] : plan.target.checkpoint.metadata.entries())
    if (key.starts_with("recast.")) text += key + " " + *value.as_string() + "\n";
  return text;
}

TEST(Carry, ProvenanceSaysWhatActsOnBytesAndNothingElse) {
  const TinyModel model;
  const std::string text =
      provenance(model, {{"quant", "q8_0"}, {"threads", "3"}, {"memory", "123MB"},
                         {"verify", "tensors"}, {"force", ""}});
  EXPECT_NE(text.find("recast.source.name tiny"), std::string::npos);
  EXPECT_NE(text.find("recast.model_type llama"), std::string::npos);
  EXPECT_NE(text.find(R"("quant": "q8_0")"), std::string::npos) << text;
  for (const std::string& word : {std::string("secret_name"), model.folder().path(),
                                  std::string("threads"), std::string("memory"),
                                  std::string("verify"), std::string("force")})
    EXPECT_EQ(text.find(word), std::string::npos) << word << " in " << text;
  EXPECT_EQ(text, provenance(model, {{"quant", "q8_0"}}));
}

TEST(Carry, ProvenanceIsEqualForSpellingsAndOrdersOfOptions) {
  const TinyModel model;
  const std::string q8 = provenance(model, {{"to", "gguf"}, {"quant", "q8_0"}});
  EXPECT_EQ(q8, provenance(model, {{"quant", "Q8-0"}, {"to", "GGUF"}}));
  EXPECT_EQ(q8, provenance(model, {{"to", "gguf:q8_0"}}));
  EXPECT_EQ(q8, provenance(model, {{"precision", "int8"}}));
  EXPECT_EQ(provenance(model, {{"precision", "f16"}, {"allow-overflow", "clamp"}}),
            provenance(model, {{"allow-overflow", "CLAMP"}, {"precision", "half"}}));
  EXPECT_EQ(provenance(model, {{"split", "size:40KB"}}),
            provenance(model, {{"split-max-size", "40000"}}));
  EXPECT_NE(q8, provenance(model, {{"quant", "f16"}}));
  EXPECT_NE(q8, provenance(model, {{"quant", "q8_0"}, {"leave-output", ""}}));
  // Every value of an option that repeats is there.
  const std::string both =
      provenance(model, {{"metadata", "general.author=Ada"}, {"metadata", "general.url=u"}});
  EXPECT_NE(both.find("general.author=Ada"), std::string::npos);
  EXPECT_NE(both.find("general.url=u"), std::string::npos);
}

TEST(Carry, TheHeaderFingerprintSeesNamesShapesTypesAndConfig) {
  Checkpoint a;
  a.config = json::parse(R"({"hidden_size": 4})", {});
  const auto zeros = [](Shape shape, const Codec& codec) {
    const uint64_t bytes = codec.bytes(element_count(shape).value());
    return stored(std::make_shared<MemoryFile>("data", std::string(bytes, '\0')), 0,
                  std::move(shape), codec);
  };
  a.tensors = {{"x", zeros({2, 2}, codec::f32)}};
  const std::string before = header_fingerprint(a);
  EXPECT_EQ(before, header_fingerprint(a));
  Checkpoint b = a;
  b.tensors[0].name = "y";
  EXPECT_NE(before, header_fingerprint(b));
  b = a;
  b.tensors[0].value = zeros({4}, codec::f32);
  EXPECT_NE(before, header_fingerprint(b));
  b = a;
  b.tensors[0].value = zeros({2, 2}, codec::i32);
  EXPECT_NE(before, header_fingerprint(b));
  b = a;
  b.config.set("hidden_size", 5);
  EXPECT_NE(before, header_fingerprint(b));
}

TEST(Carry, OverridesAreKeyValuePairs) {
  EXPECT_EQ(override_pairs({"a=b=c", "d="}),
            (std::vector<std::pair<std::string, std::string>>{{"a", "b=c"}, {"d", ""}}));
  EXPECT_EQ(error_of([] { override_pairs({"none"}); }).code, &codes::bad_value);
  EXPECT_EQ(error_of([] { override_pairs({"=x"}); }).code, &codes::bad_value);
}

// The members of `hf` that a tiny Llama is not believed to have been, as "KEY " for each.
std::string distrusted(const std::vector<std::pair<std::string, std::string>>& hf) {
  Checkpoint gguf = tiny_gguf();
  gguf.metadata.set("llama.rope.freq_base", MetaValue::f32(10000));
  gguf.metadata.set("llama.rope.dimension_count", MetaValue::u32(32));
  for (const auto& [key, text] : hf) gguf.metadata.set("src.hf." + key, MetaValue::string(text));
  std::vector<Finding> warnings;
  const json::Value left = believed_config(gguf, llama_family(), warnings);
  std::string out;
  for (const auto& [key, text] : hf)
    if (!left.find(key)) out += key + " ";
  EXPECT_EQ(warnings.size(), hf.size() - left.as_object()->size());
  for (const Finding& warning : warnings) EXPECT_EQ(warning.code, &codes::not_carried);
  return out;
}

TEST(Carry, MembersThatContradictTheFileAreLeftOut) {
  EXPECT_EQ(distrusted({{"model_type", "\"gemma\""}, {"architectures", "[\"GemmaModel\"]"}}),
            "model_type architectures ");
  EXPECT_EQ(distrusted({{"text_config", R"({"hidden_size": 7})"}}), "text_config ");
  EXPECT_EQ(distrusted({{"rope_theta", "5.0"}}), "rope_theta ");
  EXPECT_EQ(distrusted({{"quantization_config", R"({"quant_method": "gptq"})"}}),
            "quantization_config ");
  for (const char* rope : {R"({"type": "linear", "factor": 8.0})", "5", R"({"type": "linear"})",
                           R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                               "high_freq_factor": 4.0,
                               "original_max_position_embeddings": 8192})"})
    EXPECT_EQ(distrusted({{"rope_scaling", rope}}), "rope_scaling ");
}

TEST(Carry, MembersThatTheFileCannotSayAreBelieved) {
  EXPECT_EQ(distrusted({{"model_type", "\"mistral\""}, {"architectures", "[\"OwnLlama\"]"}}), "");
  EXPECT_EQ(distrusted({{"rope_theta", "10000.0"}, {"../x", "1"}, {"", "[]"}}), "");
  EXPECT_EQ(distrusted({{"rope_scaling", R"({"rope_type": "dynamic", "factor": 2.0})"}}), "");
}

TEST(Carry, CodeOfAnotherRepositoryIsTold) {
  Checkpoint gguf = tiny_gguf();
  gguf.metadata.set("src.hf.auto_map", MetaValue::string(R"({"AutoModel": "a/b--code.Model"})"));
  gguf.metadata.set("src.hf.count", MetaValue::u32(5));
  std::vector<Finding> warnings;
  EXPECT_NE(believed_config(gguf, llama_family(), warnings).find("auto_map"), nullptr);
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_EQ(warnings[0].where, "key \"src.hf.count\"");
  EXPECT_EQ(warnings[1].code, &codes::auto_map);
  gguf.metadata.set("src.hf.auto_map", MetaValue::string(R"({"AutoModel": "code.Model"})"));
  warnings.clear();
  believed_config(gguf, llama_family(), warnings);
  EXPECT_EQ(warnings.size(), 1u);
}

TEST(Carry, TextsThatAreNoJsonBlameFileAndKey) {
  Checkpoint gguf = tiny_gguf();
  gguf.config_file = "m.gguf";
  gguf.metadata.set("src.hf.foo", MetaValue::string("{"));
  const Error error = error_of([&] { restore_config(gguf); });
  EXPECT_EQ(error.code, &codes::json_syntax);
  EXPECT_EQ(error.file, "m.gguf");
  EXPECT_TRUE(error.where.starts_with("key \"src.hf.foo\", offset 1")) << error.where;
  gguf.metadata.set("src.hf.generation_config", MetaValue::string("[1]"));
  EXPECT_EQ(error_of([&] { restore_generation_config(gguf, nullptr); }).code,
            &codes::config_malformed);
}

TEST(Carry, KeysThatAModelSaysItselfAreNotReplaced) {
  Checkpoint folder;
  const auto carry = [&](const std::string& key, const char* text) {
    folder.metadata.set("src.gguf." + key, MetaValue::string(text));
  };
  carry("llama.block_count", R"({"type": "u32", "value": 9})");
  carry("general.architecture", R"({"type": "string", "value": "gemma"})");
  carry("general.name", R"({"type": "string", "value": "theirs"})");
  carry("llama.own", R"({"type": "u32", "value": 7})");
  carry("llama.bad", R"({"type": "u32"})");
  Metadata metadata;
  metadata.set("general.architecture", MetaValue::string("llama"));
  metadata.set("general.name", MetaValue::string("ours"));
  metadata.set("llama.block_count", MetaValue::u32(2));
  std::vector<Finding> warnings;
  restore_gguf_keys(folder, metadata, warnings);
  EXPECT_EQ(metadata.find("llama.block_count")->as_int(), 2);
  EXPECT_EQ(*metadata.find("general.architecture")->as_string(), "llama");
  EXPECT_EQ(*metadata.find("general.name")->as_string(), "theirs");
  EXPECT_EQ(metadata.find("llama.own")->as_int(), 7);
  EXPECT_EQ(metadata.find("llama.bad"), nullptr);
  ASSERT_EQ(warnings.size(), 3u);
  for (const Finding& warning : warnings) EXPECT_EQ(warning.code, &codes::not_carried);
}

}  // namespace
}  // namespace recast

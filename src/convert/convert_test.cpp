#include "recast/convert.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "convert/convert_testing.h"

namespace recast {
namespace {

using namespace convert_testing;

// Every file of an output by name; the manifest tells times and is left out.
std::vector<std::pair<std::string, std::string>> files_of(const TinyModel& model,
                                                          const std::string& name) {
  std::vector<std::pair<std::string, std::string>> out;
  const std::filesystem::path path = model / name;
  if (!std::filesystem::is_directory(path)) return {{"", model.folder().read(name)}};
  for (const auto& entry : std::filesystem::directory_iterator(path))
    out.emplace_back(entry.path().filename(),
                     model.folder().read(name + "/" + entry.path().filename().string()));
  std::sort(out.begin(), out.end());
  return out;
}

TEST(ExecuteConvert, ThreadsAndMemoryChangeNoByte) {
  const TinyModel model;
  for (const char* to : {"gguf:q8_0", "gguf:f16", "gguf", "hf:f16", "safetensors:f32"}) {
    std::vector<std::pair<std::string, std::string>> first;
    for (const auto& [threads, memory] :
         {std::pair{"1", "1GB"}, {"2", "1GB"}, {"8", "1GB"}, {"8", "300KB"}}) {
      Watch watch;
      convert(tiny_options(model, "out", {{"to", to}, {"threads", threads}, {"memory", memory},
                                          {"force", ""}}),
              watch);
      const auto files = files_of(model, "out");
      EXPECT_FALSE(files.empty());
      if (first.empty()) first = files;
      EXPECT_TRUE(files == first) << to << " with " << threads << " threads, " << memory;
    }
    std::filesystem::remove_all(model / "out");
  }
}

TEST(ExecuteConvert, ThereAndBackGivesTheWeightsBack) {
  for (const Codec* codec : {&codec::bf16, &codec::f16, &codec::f32}) {
    const TinyModel model(*codec);
    Watch watch;
    convert(tiny_options(model, "there.gguf", {{"verify", "tensors"}}), watch);
    convert(options_for(model / "there.gguf", model / "back",
                        {{"to", "hf"}, {"no-tokenizer", ""}, {"verify", "tensors"}}),
            watch);
    const Plan there = plan_of(tiny_options(model, "x.gguf", {}));
    const Plan back =
        plan_of(options_for(model / "back", model / "y.gguf", {{"no-tokenizer", ""}}));
    ASSERT_EQ(back.source->tensors.size(), there.source->tensors.size());
    for (const Tensor& tensor : there.source->tensors) {
      const Tensor* other = back.source->find(tensor.name);
      ASSERT_NE(other, nullptr) << tensor.name;
      EXPECT_EQ(other->codec().name, tensor.codec().name) << tensor.name;
      FloatCensus ignored;
      const Window a = tensor.value->fetch(0, tensor.elements(), ignored);
      const Window b = other->value->fetch(0, other->elements(), ignored);
      EXPECT_TRUE(std::ranges::equal(a.bytes(), b.bytes())) << tensor.name;
    }
    for (const auto& [key, value] : *there.source->config.as_object()) {
      if (key.ends_with("_token_id")) continue;  // of the tokenizer, which is left out
      const json::Value* other = back.source->config.find(key);
      ASSERT_NE(other, nullptr) << key;
      EXPECT_EQ(json::write(*other), json::write(value)) << key;
    }
  }
}

TEST(ExecuteConvert, ATokenizerGoesThereAndBack) {
  const TinyModel model(codec::bf16, 2048);
  const std::string bard = std::string(RECAST_SOURCE_DIR) + "/demo/bard";
  Watch watch;
  convert(options_for(model.path(), model / "there.gguf",
                      {{"tokenizer", bard.c_str()}, {"quant", "q8_0"}}),
          watch);
  EXPECT_TRUE(model.folder().has("there.gguf.recast.json"));
  const Report report =
      convert(options_for(model / "there.gguf", model / "back", {{"to", "hf"}}), watch);
  EXPECT_TRUE(model.folder().has("back/tokenizer.json") ||
              model.folder().has("back/tokenizer.model"));
  EXPECT_TRUE(model.folder().has("back/recast.json"));
  EXPECT_EQ(*report.find("source")->find("format")->as_string(), "gguf");
}

TEST(ExecuteConvert, StopLeavesNothing) {
  const TinyModel model;
  for (const char* threads : {"1", "8"})
    for (const bool before : {true, false}) {
      std::stop_source stop;
      Watch watch;
      if (before)
        stop.request_stop();
      else
        watch.at_work = [&] { stop.request_stop(); };
      const Error error = error_of([&] {
        convert(tiny_options(model, "out.gguf", {{"quant", "q8_0"}, {"threads", threads}}), watch,
                stop.get_token());
      });
      EXPECT_EQ(error.code, &codes::stopped);
      EXPECT_EQ(model.folder().names(), std::vector<std::string>{"tiny"});
    }
}

TEST(ExecuteConvert, ARefusalLeavesNothingAndTheOldOutput) {
  TinyModel model(codec::f32);
  model.set("lm_head.weight", 0, 1e30f);
  model.folder().write("old.gguf", "old");
  Watch watch;
  for (const char* name : {"new.gguf", "old.gguf"}) {
    const Error error = error_of([&] {
      convert(tiny_options(model, name, {{"precision", "f16"}, {"force", ""}}), watch);
    });
    EXPECT_EQ(error.code, &codes::overflow);
  }
  EXPECT_EQ(model.folder().names(), (std::vector<std::string>{"old.gguf", "tiny"}));
  EXPECT_EQ(model.folder().read("old.gguf"), "old");
}

TEST(ExecuteConvert, NoDescriptorStaysOpen) {
  TinyModel model(codec::f32);
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = descriptors();
  Watch watch;
  for (const char* name : {"a.gguf", "b.safetensors"})
    convert(tiny_options(model, name, {{"threads", "2"}, {"journal", "1K"}}), watch);
  convert(tiny_options(model, "folder", {{"to", "hf"}, {"shard-size", "10K"}}), watch);
  EXPECT_EQ(error_of([&] { convert(tiny_options(model, "a.gguf", {}), watch); }).code,
            &codes::output_exists);
  model.set("lm_head.weight", 0, 1e30f);
  EXPECT_EQ(
      error_of([&] { convert(tiny_options(model, "c.gguf", {{"precision", "f16"}}), watch); }).code,
      &codes::overflow);
  EXPECT_EQ(descriptors(), before);
}

TEST(ExecuteConvert, LossesThatWereAllowedAreWarnings) {
  TinyModel model(codec::f32);
  model.set("lm_head.weight", 0, 1e30f);
  model.set("model.norm.weight", 0, 1e-30f);
  model.set("model.embed_tokens.weight", 3, 1e-30f);
  Watch watch;
  convert(tiny_options(model, "out.gguf", {{"precision", "f16"}, {"allow-overflow", "clamp"}}),
          watch);
  EXPECT_EQ(watch.count(codes::overflow_clamped), 1);
  EXPECT_EQ(watch.count(codes::underflow), 1);  // of the matrix: the norm stays f32
  EXPECT_EQ(watch.count(codes::nonfinite_values), 0);
}

// Stops in the middle with a journal, damages a step that the journal calls done, goes on.
TEST(ExecuteConvert, AStoppedRunGoesOnAndRedoesADamagedStep) {
  const TinyModel model;
  Watch plain;
  convert(tiny_options(model, "whole.gguf", {{"quant", "q8_0"}}), plain);
  const std::string whole = model.folder().read("whole.gguf");
  for (const bool damage : {false, true}) {
    const ConvertOptions options = tiny_options(
        model, "out.gguf", {{"quant", "q8_0"}, {"journal", "1"}, {"threads", "1"}});
    std::stop_source stop;
    int pieces = 0;
    Watch watch;
    watch.at_work = [&] {
      if (++pieces == 6) stop.request_stop();
    };
    EXPECT_EQ(error_of([&] { convert(options, watch, stop.get_token()); }).code, &codes::stopped);
    EXPECT_FALSE(model.folder().has("out.gguf"));
    std::string part;
    for (const std::string& name : model.folder().names())
      if (name != "whole.gguf" && name != "tiny" &&
          std::filesystem::file_size(model / name) == whole.size())
        part = name;
    ASSERT_FALSE(part.empty());
    if (damage) {
      const Plan plan = plan_of(options);
      std::string bytes = model.folder().read(part);
      bytes[plan.steps[2].offset + 1] ^= 1;
      std::fstream file(model / part, std::ios::in | std::ios::out | std::ios::binary);
      file << bytes;
    }
    ConvertOptions again = options;
    set_option(again, *find_option("resume"), "");
    Watch second;
    convert(again, second);
    EXPECT_EQ(second.count(codes::resumed_step_damaged), damage ? 1 : 0);
    EXPECT_EQ(model.folder().read("out.gguf"), whole);
    EXPECT_EQ(model.folder().names(),
              (std::vector<std::string>{"out.gguf", "tiny", "whole.gguf"}));
    std::filesystem::remove(model / "out.gguf");
  }
}

TEST(ExecuteConvert, SpellingsOfOptionsChangeNoByte) {
  const TinyModel model;
  Watch watch;
  convert(tiny_options(model, "a.gguf", {{"quant", "q8_0"}, {"metadata", "general.author=Ada"}}),
          watch);
  convert(tiny_options(model, "b.gguf", {{"metadata", "general.author=Ada"}, {"to", "GGUF:Q8-0"}}),
          watch);
  EXPECT_EQ(model.folder().read("a.gguf"), model.folder().read("b.gguf"));
}

TEST(ExecuteConvert, AStoredPlanIsAppliedWithAllItsOptions) {
  const TinyModel model;
  Watch watch;
  const Given given = {{"quant", "q8_0"},
                       {"metadata", "general.author=Ada"},
                       {"metadata", "general.url=there"}};
  convert(tiny_options(model, "a.gguf", given), watch);
  model.folder().write("plan.json",
                       json::write(plan(tiny_options(model, "b.gguf", given), watch)));
  ConvertOptions apply;
  set_option(apply, *find_option("apply"), model / "plan.json");
  convert(apply, watch);
  EXPECT_EQ(model.folder().read("a.gguf"), model.folder().read("b.gguf"));
}

}  // namespace
}  // namespace recast

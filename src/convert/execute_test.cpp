#include "convert/execute.h"

#include <cmath>
#include <limits>

#include "convert/convert_testing.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

using namespace convert_testing;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr const char* q_proj = "model.layers.1.self_attn.q_proj.weight";

// Values of one item in an output.
std::vector<float> written(const Plan& plan, const MemoryOutput& output, std::string_view name) {
  const PlanItem& item = item_named(plan, name);
  std::vector<float> values(static_cast<size_t>(item.value->elements()));
  item.value->codec().decode(output.files[item.file].data() + item.offset, values.data(),
                             item.value->elements());
  return values;
}

Error refused(const ConvertOptions& options) {
  const Plan plan = plan_of(options);
  MemoryOutput output(plan);
  Watch watch;
  return error_of([&] { execute(plan, output, watch, {}); });
}

TEST(Execute, WritesEveryByteOnceWhateverTheThreads) {
  const TinyModel model;
  for (const char* to : {"gguf:q8_0", "gguf:f16", "safetensors:f16"}) {
    std::vector<std::vector<std::byte>> first;
    for (const char* threads : {"1", "2", "8"}) {
      const Plan plan = plan_of(tiny_options(model, "out", {{"to", to}, {"threads", threads}}));
      MemoryOutput output(plan);
      Watch watch;
      const Execution run = execute(plan, output, watch, {});
      EXPECT_EQ(output.steps, static_cast<int64_t>(plan.steps.size()));
      EXPECT_EQ(run.resumed_steps, 0);
      for (const auto& file : output.writes)
        EXPECT_TRUE(std::all_of(file.begin(), file.end(), [](uint8_t n) { return n <= 1; }));
      for (const Step& step : plan.steps)
        for (uint64_t i = 0; i < step.bytes; ++i)
          ASSERT_EQ(output.writes[step.file][step.offset + i], 1);
      if (first.empty()) first = output.files;
      EXPECT_TRUE(output.files == first) << to << " with " << threads;
      read_back(plan, run, output, watch);
    }
  }
}

TEST(Execute, StepsOfATinyBudgetGiveTheSameBytes) {
  const TinyModel model;
  std::vector<std::vector<std::byte>> files[2];
  for (const bool tight : {false, true}) {
    Plan plan = plan_of(tiny_options(model, "out", {{"to", "gguf:q8_0"}, {"threads", "8"}}));
    if (tight) plan.memory_limit = 1;  // every step runs alone
    MemoryOutput output(plan);
    Watch watch;
    execute(plan, output, watch, {});
    files[tight] = output.files;
  }
  EXPECT_TRUE(files[0] == files[1]);
}

TEST(Execute, NanIsNotQuantizedUnlessAllowed) {
  TinyModel model(codec::f32);
  model.set(q_proj, 64 * 16, NAN);  // row 16: the first of its head, which stays the first
  model.set(q_proj, 64 * 16 + 1, -infinity);
  model.set(q_proj, 64 * 16 + 2, 7);
  const Error error = refused(tiny_options(model, "o.gguf", {{"quant", "q8_0"}}));
  EXPECT_EQ(error.code, &codes::nonfinite);
  EXPECT_EQ(error.where, tensor_where("blk.1.attn_q.weight") + "[16, 0]");
  EXPECT_EQ(error.found, "1 NaN, 1 infinite");

  const Plan plan =
      plan_of(tiny_options(model, "o.gguf", {{"quant", "q8_0"}, {"allow-nonfinite", ""}}));
  MemoryOutput output(plan);
  Watch watch;
  const Execution run = execute(plan, output, watch, {});
  const std::vector<float> values = written(plan, output, "blk.1.attn_q.weight");
  EXPECT_EQ(values[64 * 16], 0);
  EXPECT_NEAR(values[64 * 16 + 1], -7, 0.01);
  uint64_t nan = 0;
  for (const FloatCensus& losses : run.losses) nan += losses.nan;
  EXPECT_EQ(nan, 1u);
}

TEST(Execute, NanIsCopiedAndCounted) {
  TinyModel model(codec::f32);
  model.set("model.norm.weight", 5, NAN);
  const Plan plan = plan_of(tiny_options(model, "o.gguf", {}));
  MemoryOutput output(plan);
  Watch watch;
  const Execution run = execute(plan, output, watch, {});
  EXPECT_TRUE(std::isnan(written(plan, output, "output_norm.weight")[5]));
  for (size_t i = 0; i < plan.items.size(); ++i)
    EXPECT_EQ(run.losses[i].nan, plan.items[i].name == "output_norm.weight" ? 1u : 0u);
}

TEST(Execute, OverflowIsRefusedClampedOrInfinite) {
  TinyModel model(codec::f32);
  model.set("lm_head.weight", 65, 1e6f);
  model.set("lm_head.weight", 66, -1e6f);
  const Error error = refused(tiny_options(model, "o.gguf", {{"precision", "f16"}}));
  EXPECT_EQ(error.code, &codes::overflow);
  EXPECT_EQ(error.where, tensor_where("output.weight") + "[1, 1]");
  for (const auto& [mode, value] : {std::pair{"clamp", 65504.0f}, {"inf", infinity}}) {
    const Plan plan = plan_of(
        tiny_options(model, "o.gguf", {{"precision", "f16"}, {"allow-overflow", mode}}));
    MemoryOutput output(plan);
    Watch watch;
    execute(plan, output, watch, {});
    const std::vector<float> values = written(plan, output, "output.weight");
    EXPECT_EQ(values[65], value);
    EXPECT_EQ(values[66], -value);
  }
}

TEST(Execute, TakesOverTheStepsOfAJournalAndRedoesADamagedOne) {
  const TinyModel model;
  const Plan plan = plan_of(tiny_options(model, "o.gguf", {{"quant", "q8_0"}}));
  MemoryOutput whole(plan);
  Watch quiet;
  const Execution first = execute(plan, whole, quiet, {});

  MemoryOutput again(plan);
  again.files = whole.files;
  const auto steps = static_cast<int64_t>(plan.steps.size());
  for (int64_t i = 0; i + 1 < steps; ++i)
    again.done.push_back({i, first.step_hashes[static_cast<size_t>(i)]});
  again.done.push_back({steps + 5, {}});  // of no step
  const Step& damaged = plan.steps[3];
  again.files[damaged.file][damaged.offset + damaged.bytes / 2] ^= std::byte{1};
  const Step& missing = plan.steps.back();
  for (uint64_t i = 0; i < missing.bytes; ++i)
    again.files[missing.file][missing.offset + i] = std::byte{0};
  Watch watch;
  const Execution second = execute(plan, again, watch, {});
  EXPECT_EQ(second.resumed_steps, steps - 2);
  EXPECT_EQ(again.steps, 2);
  EXPECT_EQ(watch.count(codes::resumed_step_damaged), 1);
  EXPECT_TRUE(again.files == whole.files);
  EXPECT_TRUE(second.step_hashes == first.step_hashes);
  EXPECT_EQ(again.writes[plan.steps[0].file][plan.steps[0].offset], 0);
}

TEST(Execute, StopEndsAfterTheRunningStepsAndKeepsThem) {
  const TinyModel model;
  for (const char* threads : {"1", "8"}) {
    const Plan plan =
        plan_of(tiny_options(model, "o.gguf", {{"quant", "q8_0"}, {"threads", threads}}));
    MemoryOutput output(plan);
    std::stop_source stop;
    Watch watch;
    watch.at_work = [&] { stop.request_stop(); };
    const Error error = error_of([&] { execute(plan, output, watch, stop.get_token()); });
    EXPECT_EQ(error.code, &codes::stopped);
    EXPECT_TRUE(output.kept);
    EXPECT_GE(output.steps, 1);
    EXPECT_LT(output.steps, static_cast<int64_t>(plan.steps.size()));
  }
}

TEST(Execute, ReadBackFindsOneWrongBit) {
  const TinyModel model;
  const Plan plan = plan_of(tiny_options(model, "o.gguf", {{"quant", "q8_0"}}));
  MemoryOutput output(plan);
  Watch watch;
  const Execution run = execute(plan, output, watch, {});
  const std::vector<Hash128> hashes = read_back(plan, run, output, watch);
  ASSERT_EQ(hashes.size(), plan.items.size());
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const PlanItem& item = plan.items[i];
    EXPECT_EQ(hashes[i], xxh3_128(std::span(output.files[item.file])
                                      .subspan(item.offset, item.value->bytes())));
    std::byte& last = output.files[item.file][item.offset + item.value->bytes() - 1];
    last ^= std::byte{0x80};
    const Error error = error_of([&] { read_back(plan, run, output, watch); });
    EXPECT_EQ(error.code, &codes::read_back);
    EXPECT_NE(error.where.find(item.name), std::string::npos);
    last ^= std::byte{0x80};
  }
}

}  // namespace
}  // namespace recast

#include "convert/plan.h"

#include <algorithm>
#include <filesystem>

#include "convert/convert_testing.h"

namespace recast {
namespace {

using namespace convert_testing;

constexpr std::initializer_list<Given> targets = {
    {{"to", "gguf"}},
    {{"to", "gguf:q8_0"}},
    {{"to", "gguf"}, {"precision", "f16"}, {"tensor-sums", ""}},
    {{"to", "gguf"}, {"split", "tensors:5"}},
    {{"to", "hf"}, {"precision", "f32"}},
    {{"to", "hf"}, {"shard-size", "40KB"}},
    {{"to", "hf"}},
    {{"to", "safetensors"}, {"precision", "f16"}}};

// Runs of bytes that pieces and steps place in each file.
std::vector<std::vector<std::pair<uint64_t, uint64_t>>> placed_runs(const Plan& plan) {
  std::vector<std::vector<std::pair<uint64_t, uint64_t>>> runs(plan.layout.files.size());
  for (const LayoutPiece& p : plan.layout.pieces)
    runs[p.file].emplace_back(p.offset, p.offset + p.bytes.size());
  for (const Step& s : plan.steps) runs[s.file].emplace_back(s.offset, s.offset + s.bytes);
  for (auto& file : runs) std::sort(file.begin(), file.end());
  return runs;
}

// No byte twice; what is left out is padding between tensors of a GGUF.
void expect_covered(const Plan& plan) {
  const uint64_t padding = plan.request.to->extension == ".gguf" ? 31 : 0;
  const auto runs = placed_runs(plan);
  for (size_t f = 0; f < runs.size(); ++f) {
    if (static_cast<int>(f) == plan.manifest_file) continue;
    uint64_t at = 0;
    for (const auto& [begin, end] : runs[f]) {
      ASSERT_GE(begin, at) << plan.layout.files[f].name;
      ASSERT_LE(begin - at, padding) << plan.layout.files[f].name;
      at = end;
    }
    EXPECT_LE(at, plan.layout.files[f].bytes);
    EXPECT_LE(plan.layout.files[f].bytes - at, padding) << plan.layout.files[f].name;
  }
}

void expect_whole_items(const Plan& plan) {
  std::vector<int64_t> reached(plan.items.size(), 0);
  for (const Step& step : plan.steps) {
    const PlanItem& item = plan.items[step.item];
    const Codec& codec = item.value->codec();
    EXPECT_EQ(step.begin, reached[step.item]);
    EXPECT_EQ(step.file, item.file);
    EXPECT_EQ(step.offset, item.offset + codec.bytes(step.begin));
    EXPECT_EQ(step.bytes, codec.bytes(step.end - step.begin));
    EXPECT_LE(step.bytes, step_bytes);
    EXPECT_TRUE(codec.fits_row(step.begin) && codec.fits_row(step.end));
    reached[step.item] = step.end;
  }
  for (size_t i = 0; i < plan.items.size(); ++i)
    EXPECT_EQ(reached[i], plan.items[i].value->elements()) << plan.items[i].name;
}

TEST(Plan, StepsCoverEveryByteOnce) {
  const TinyModel model;
  for (const Given& given : targets) {
    const Plan plan = plan_of(tiny_options(model, "out", given));
    SCOPED_TRACE(json::write(json::Value(plan.request.options.to)));
    expect_covered(plan);
    expect_whole_items(plan);
    EXPECT_FALSE(plan.steps.empty());
  }
}

TEST(Plan, ATensorAboveAStepIsCutBetweenRows) {
  const TinyModel model;
  // The embedding as a hole in a file: its header is read, its weights are not.
  const std::vector<SafetensorsTensor> table = {{"big.weight", "F32", {200'000, 96}}};
  const SafetensorsLayout layout = plan_safetensors(table, {});
  model.folder().write("big.safetensors",
                       {reinterpret_cast<const char*>(layout.header.data()),
                        layout.header.size()});
  std::filesystem::resize_file(model / "big.safetensors", layout.file_bytes);
  const Plan plan = plan_of(options_for(model / "big.safetensors", model / "out.safetensors",
                                        {{"precision", "f16"}, {"no-manifest", ""}}));
  EXPECT_EQ(plan.steps.size(), 38'400'000 / step_bytes + 1);
  EXPECT_GT(plan.steps.size(), 1u);
  for (const Step& step : plan.steps) EXPECT_EQ(step.begin % 96, 0);
  expect_covered(plan);
  expect_whole_items(plan);
  EXPECT_GE(plan.peak_bytes(), plan.steps.front().peak_bytes);
  EXPECT_LT(plan.peak_bytes(), uint64_t{64} << 20);
}

TEST(Plan, TheSameRequestGivesTheSamePlan) {
  const TinyModel model;
  for (const Given& given : targets) {
    const Plan a = plan_of(tiny_options(model, "out", given));
    ConvertOptions again = tiny_options(model, "out", given);
    set_option(again, *find_option("threads"), "7");
    set_option(again, *find_option("memory"), "1GB");
    const Plan b = plan_of(again);
    EXPECT_EQ(a.fingerprint, b.fingerprint);
    EXPECT_EQ(placed_runs(a), placed_runs(b));
    EXPECT_EQ(a.paths, b.paths);
    EXPECT_EQ(a.output_bytes(), b.output_bytes());
    ASSERT_EQ(a.layout.pieces.size(), b.layout.pieces.size());
    for (size_t i = 0; i < a.layout.pieces.size(); ++i)
      EXPECT_EQ(a.layout.pieces[i].bytes, b.layout.pieces[i].bytes);
  }
}

TEST(Plan, AnotherRequestOrInputGivesAnotherFingerprint) {
  TinyModel model;
  const std::string before =
      plan_of(tiny_options(model, "out.gguf", {{"quant", "q8_0"}})).fingerprint;
  EXPECT_NE(before, plan_of(tiny_options(model, "out.gguf", {{"quant", "f16"}})).fingerprint);
  EXPECT_NE(before, plan_of(tiny_options(model, "out.gguf",
                                         {{"quant", "q8_0"}, {"metadata", "general.author=A"}}))
                        .fingerprint);
  std::filesystem::last_write_time(
      model.path() + "/model.safetensors",
      std::filesystem::last_write_time(model.path() + "/model.safetensors") +
          std::chrono::seconds(1));
  EXPECT_NE(before, plan_of(tiny_options(model, "out.gguf", {{"quant", "q8_0"}})).fingerprint);
}

TEST(Plan, AFolderAsDestinationGetsTheDerivedName) {
  const TinyModel model;
  std::filesystem::create_directory(model / "into");
  const Plan file = plan_of(tiny_options(model, "into", {{"to", "gguf:q8_0"}}));
  EXPECT_EQ(file.folder, model / "into");
  EXPECT_TRUE(file.name.ends_with(".gguf")) << file.name;
  EXPECT_NE(file.name.find("Q8_0"), std::string::npos) << file.name;
  const Plan named = plan_of(tiny_options(model, "x.gguf", {{"quant", "q8_0"}}));
  EXPECT_EQ(named.name, "x.gguf");
  EXPECT_EQ(named.paths, std::vector<std::string>{model / "x.gguf"});
  const Plan made = plan_of(tiny_options(model, "new", {{"to", "hf"}, {"precision", "f16"}}));
  EXPECT_EQ(made.name, "new");
  EXPECT_EQ(error_of([&] {
              plan_of(options_for(model.path(), "-", {{"to", "gguf"}, {"no-tokenizer", ""}}));
            }).code,
            &codes::bad_value);
}

TEST(Plan, PlanningWritesNothing) {
  const TinyModel model;
  Watch watch;
  const Report report = plan(tiny_options(model, "out.gguf", {{"quant", "q8_0"}}), watch);
  EXPECT_EQ(model.folder().names(), std::vector<std::string>{"tiny"});
  EXPECT_TRUE(report.find("refusals")->as_array()->empty());
}

}  // namespace
}  // namespace recast

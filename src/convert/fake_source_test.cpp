#include "convert/fake_source.h"

#include <algorithm>

#include "convert/convert_testing.h"
#include "convert/execute.h"
#include "convert/verify.h"

namespace recast {
namespace {

using namespace convert_testing;

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

TEST(FakeSource, ZerosHaveNoStepAndStayHoles) {
  const TinyModel model;
  for (const char* to : {"gguf", "gguf:q8_0", "gguf:f16", "hf", "safetensors:f32"}) {
    const Plan plan = plan_of(tiny_options(model, "out", {{"to", to}, {"fake-weight", ""}}));
    uint64_t weights = 0;
    for (const Tensor& tensor : plan.target.checkpoint.tensors) weights += tensor.bytes();
    EXPECT_EQ(plan.hole_bytes(), weights) << to;
    for (const Step& step : plan.steps) EXPECT_LT(plan.items[step.item].tensor, 0) << to;
    MemoryOutput output(plan);
    Watch watch;
    const Execution execution = execute(plan, output, watch, {});
    const auto hashes = read_back(plan, execution, output, watch);
    for (size_t i = 0; i < plan.items.size(); ++i) {
      const PlanItem& item = plan.items[i];
      const auto bytes =
          std::span(output.files[item.file]).subspan(item.offset, item.value->bytes());
      EXPECT_EQ(hashes[i], xxh3_128(bytes)) << item.name;
      EXPECT_TRUE(item.tensor < 0 || all_zero(bytes)) << item.name;
    }
  }
}

TEST(FakeSource, ReadBackFindsWhatIsNotZero) {
  const TinyModel model;
  const Plan plan = plan_of(tiny_options(model, "out.gguf", {{"fake-weight", ""}}));
  MemoryOutput output(plan);
  Watch watch;
  const Execution execution = execute(plan, output, watch, {});
  output.files[0].back() = std::byte{1};
  EXPECT_EQ(error_of([&] { read_back(plan, execution, output, watch); }).code, &codes::read_back);
}

TEST(FakeSource, NoWeightFileIsOpened) {
  const TinyModel model;
  model.folder().write("tiny/model.safetensors", "no weights");
  const Plan plan = plan_of(tiny_options(model, "out.gguf", {{"fake-weight", ""}}));
  EXPECT_EQ(plan.target.checkpoint.tensors.size(), 21u);
  ConvertOptions alone = tiny_options(model, "out.gguf", {{"fake-weight", ""}});
  alone.source = model / "tiny/config.json";
  EXPECT_EQ(plan_of(alone).target.checkpoint.name, "tiny");
}

TEST(FakeSource, NoiseIsOfTheSeed) {
  const TinyModel model;
  const auto bytes = [&](const char* seed) {
    Watch watch;
    convert(tiny_options(model, "out.gguf",
                         {{"fake-weight", ""}, {"fake-weight-mode", "random"}, {"seed", seed},
                          {"no-provenance", ""}, {"verify", "tensors"}, {"force", ""}}),
            watch);
    return model.folder().read("out.gguf");
  };
  EXPECT_EQ(bytes("1"), bytes("1"));
  EXPECT_NE(bytes("1"), bytes("2"));
}

TEST(FakeSource, ModelConfigChangesTheSizes) {
  const TinyModel model;
  model.folder().write("half.json", R"({"num_hidden_layers": 1, "dtype": "float16"})");
  const std::string half = model / "half.json";
  const Plan plan = plan_of(tiny_options(
      model, "out", {{"to", "hf"}, {"fake-weight", ""}, {"model-config", half.c_str()}}));
  EXPECT_EQ(plan.target.checkpoint.tensors.size(), 12u);
  EXPECT_EQ(&plan.target.checkpoint.tensors.front().codec(), &codec::f16);
}

const ErrorCode* code_of_shapes(const TinyModel& model, const char* text, Error* error) {
  model.folder().write("shapes", text);
  const std::string shapes = model / "shapes";
  *error = error_of([&] {
    plan_of(tiny_options(model, "out.gguf",
                         {{"fake-weight", ""}, {"fake-weight-config", shapes.c_str()}}));
  });
  return error->code;
}

TEST(FakeSource, ShapesAreJsonOrYaml) {
  const TinyModel model;
  Error error;
  for (const char* good : {R"({"lm_head.weight": [48, 64]})", "lm_head.weight: [48, 64]\n",
                           "# padded\nlm_head.weight:\n  - 48\n  - 64\n", "{}"})
    EXPECT_EQ(code_of_shapes(model, good, &error), nullptr) << good << error.what();
  for (const char* bad :
       {R"({"lm_head.weight": []})", R"({"lm_head.weight": [0, 64]})", "lm_head.weight: [-1, 64]",
        R"({"lm_head.weight": [48.5, 64]})", R"({"lm_head.weight": ["48", 64]})",
        R"({"lm_head.weight": "48x64"})", R"({"lm_head.weight": 48})",
        R"({"lm_head.weight": [4000000000, 4000000000]})"}) {
    EXPECT_EQ(code_of_shapes(model, bad, &error), &codes::fake_shape_bad) << bad;
    EXPECT_NE(error.where.find("lm_head.weight"), std::string::npos) << error.where;
  }
  EXPECT_EQ(code_of_shapes(model, "[1, 2]", &error), &codes::fake_shape_bad);
  EXPECT_EQ(code_of_shapes(model, R"({"lm_head.wait": [48, 64]})", &error),
            &codes::fake_shape_unknown);
  EXPECT_EQ(code_of_shapes(model, R"({"lm_head.weight": [48, 65]})", &error),
            &codes::fake_shape_breaks);
}

TEST(FakeSource, SourcesWithoutAConfigAreRefused) {
  const TinyModel model;
  model.folder().write("other/notes.txt", "nothing");
  const auto code = [&](const std::string& source, Given given) {
    return error_of([&] { plan_of(options_for(source, model / "out.gguf", given)); }).code;
  };
  EXPECT_EQ(code(model / "tiny/model.safetensors", {{"fake-weight", ""}}),
            &codes::fake_needs_config);
  EXPECT_EQ(code(model.path(), {{"fake-weight", ""}, {"from", "gguf"}}), &codes::fake_needs_config);
  EXPECT_EQ(code(model / "other", {{"fake-weight", ""}}), &codes::config_missing);
}

TEST(FakeSource, OptionsOfFakesAloneSayThatTheyDoNothing) {
  const TinyModel model;
  const Plan plan = plan_of(tiny_options(model, "out.gguf", {{"seed", "3"}}));
  const std::vector<Finding>& warnings = plan.target.warnings;
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [](const Finding& warning) {
    return warning.code == &codes::option_no_effect;
  }));
}

}  // namespace
}  // namespace recast

#include "convert/verify.h"

#include <cmath>

#include "convert/convert_testing.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

using namespace convert_testing;

// A finished output in memory, to be damaged.
struct Written {
  explicit Written(const ConvertOptions& options) : plan(plan_of(options)), output(plan) {
    execute(plan, output, watch, {});
  }
  // What verification says at a level; null: nothing.
  const ErrorCode* at(std::string level) {
    plan.request.options.verify = std::move(level);
    return error_of([&] { checked = verify(plan, output); }).code;
  }
  // Overwrites the values of one row of a float tensor.
  void set_row(std::string_view name, int64_t row, float value) {
    const PlanItem& item = item_named(plan, name);
    const int64_t n = row_length(item.value->shape());
    const std::vector<float> values(static_cast<size_t>(n), value);
    const Codec& codec = item.value->codec();
    codec.encode(values.data(), output.files[item.file].data() + item.offset + codec.bytes(row * n),
                 n);
  }

  Watch watch;
  Plan plan;
  MemoryOutput output;
  Verification checked;
};

TEST(Verify, SoundOutputsPassAtEveryLevel) {
  const TinyModel model;
  for (const Given& given : std::initializer_list<Given>{{{"to", "gguf:q8_0"}},
                                                         {{"to", "gguf:q4_0"}, {"pure", ""}},
                                                         {{"to", "gguf"}},
                                                         {{"to", "hf"}, {"precision", "f16"}},
                                                         {{"to", "safetensors:f32"}},
                                                         {{"to", "hf"}}}) {
    Written w(tiny_options(model, "out", given));
    SCOPED_TRACE(w.plan.request.options.to);
    for (const char* level : {"none", "structure", "sample", "tensors"})
      EXPECT_EQ(w.at(level), nullptr) << level;
    if (w.plan.target.raw_copy) continue;
    EXPECT_EQ(w.checked.tensors, 21);
    EXPECT_EQ(w.checked.rows, 40 * 2 + 2 * (3 * 64 + 2 * 32 + 2 * 96 + 2) + 1);
  }
}

TEST(Verify, AWrongHeaderIsFoundByStructure) {
  const TinyModel model;
  Written w(tiny_options(model, "o.gguf", {{"quant", "q8_0"}}));
  const std::string name = "blk.1.ffn_up.weight";
  auto& file = w.output.files[0];
  const auto at = std::search(file.begin(), file.end(), std::as_bytes(std::span(name)).begin(),
                              std::as_bytes(std::span(name)).end());
  ASSERT_NE(at, file.end());
  at[4] = std::byte{'0'};  // layer 1 becomes a second layer 0
  EXPECT_EQ(w.at("none"), nullptr);
  EXPECT_NE(w.at("structure"), nullptr);
  at[4] = std::byte{'7'};
  EXPECT_EQ(w.at("structure"), &codes::read_back);
  EXPECT_EQ(w.at("sample"), &codes::read_back);
}

TEST(Verify, AWrongRowIsFoundByTheLevelThatLooksAtIt) {
  const TinyModel model;
  for (const Given& given :
       std::initializer_list<Given>{{{"to", "gguf:q8_0"}}, {{"to", "gguf:f16"}}}) {
    Written w(tiny_options(model, "o.gguf", given));
    w.set_row("output.weight", 1, 0.5f);  // the sample looks at rows 0, 13, 26 and 39
    EXPECT_EQ(w.at("structure"), nullptr);
    EXPECT_EQ(w.at("sample"), nullptr);
    EXPECT_EQ(w.at("tensors"), &codes::sample_differs);
    w.set_row("output.weight", 39, 0.5f);
    EXPECT_EQ(w.at("structure"), nullptr);
    EXPECT_EQ(w.at("sample"), &codes::sample_differs);
  }
}

TEST(Verify, FiniteValuesThatBecameNanAreFound) {
  const TinyModel model;
  Written w(tiny_options(model, "o.gguf", {{"quant", "f16"}}));
  w.set_row("blk.0.ffn_up.weight", 0, NAN);
  EXPECT_EQ(w.at("sample"), &codes::sample_differs);
}

TEST(Verify, NanOfTheSourceIsNoDifference) {
  TinyModel model(codec::f32);
  model.set("model.norm.weight", 5, NAN);
  Written w(tiny_options(model, "o.gguf", {}));
  EXPECT_EQ(w.at("tensors"), nullptr);
}

// A step that computes the wrong thing: its hash is that of what it wrote, so only the comparison
// with the source can see it.
TEST(Verify, AValueThatLiesIsFoundBySample) {
  const TinyModel model;
  for (const char* name : {"blk.0.attn_q.weight", "blk.1.ffn_norm.weight", "token_embd.weight"}) {
    Plan plan = plan_of(tiny_options(model, "o.gguf", {{"quant", "q8_0"}}));
    for (PlanItem& item : plan.items)
      if (item.name == name) {
        const auto negate = [](float* values, int64_t n) {
          for (int64_t i = 0; i < n; ++i) values[i] = -values[i];
        };
        item.value = cast(map(item.value, negate, codec::f32), item.value->codec());
      }
    MemoryOutput output(plan);
    Watch watch;
    const Execution run = execute(plan, output, watch, {});
    EXPECT_EQ(read_back(plan, run, output, watch).size(), plan.items.size());
    const Error error = error_of([&] { verify(plan, output); });
    EXPECT_EQ(error.code, &codes::sample_differs) << name;
    EXPECT_EQ(error.where, tensor_where(name));
  }
}

}  // namespace
}  // namespace recast

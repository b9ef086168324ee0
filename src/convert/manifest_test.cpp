#include "convert/manifest.h"

#include "convert/convert_testing.h"

namespace recast {
namespace {

using namespace convert_testing;

// The text of one file after a run with the given facts.
struct Manifest {
  Manifest(const TinyModel& model, Given given, const RunFacts& facts)
      : plan(plan_of(with_manifest(model, given))), output(plan) {
    Watch watch;
    const Execution run = execute(plan, output, watch, {});
    write_manifest(plan, read_back(plan, run, output, watch), facts, seal_form(plan, output), output);
  }
  static ConvertOptions with_manifest(const TinyModel& model, Given given) {
    return options_for(model.path(), model / "out.gguf", given);
  }
  std::string text(size_t file) const {
    const auto& bytes = output.files.at(file);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string text() const { return text(static_cast<size_t>(plan.manifest_file)); }

  Plan plan;
  MemoryOutput output;
};

TEST(Manifest, ItsSizeIsFixedWhateverTheRunWas) {
  const TinyModel model;
  const RunFacts long_run = {.started = "2026-01-02T03:04:05Z",
                             .seconds = 123456.78901234567,
                             .peak_memory = ~uint64_t{0}};
  for (const Given& given : std::initializer_list<Given>{
           {{"quant", "q8_0"}, {"no-tokenizer", ""}},
           {{"no-tokenizer", ""}, {"checksum", ""}, {"split", "tensors:7"}}}) {
    const Manifest one(model, given, {}), other(model, given, long_run);
    ASSERT_GE(one.plan.manifest_file, 1);
    EXPECT_EQ(one.text().size(), other.text().size());
    EXPECT_TRUE(other.text().ends_with(" \n"));
    const json::Value a = json::parse(one.text(), {}), b = json::parse(other.text(), {});
    EXPECT_EQ(*a.find("target"), *b.find("target"));
    EXPECT_EQ(*a.find("source"), *b.find("source"));
    EXPECT_EQ(*b.find("run")->find("started")->as_string(), long_run.started);
    EXPECT_EQ(b.find("run")->find("peak_memory")->as_uint(), ~uint64_t{0});
  }
}

TEST(Manifest, HoldsTheHashOfEverySourceAndTargetTensor) {
  const TinyModel model;
  const Manifest m(model, {{"quant", "q8_0"}, {"no-tokenizer", ""}}, {});
  const json::Value document = json::parse(m.text(), {});
  const json::Array& targets = *document.find("target")->find("tensors")->as_array();
  ASSERT_EQ(targets.size(), m.plan.items.size());
  for (size_t i = 0; i < targets.size(); ++i) {
    const PlanItem& item = m.plan.items[i];
    EXPECT_EQ(*targets[i].find("name")->as_string(), item.name);
    EXPECT_EQ(*targets[i].find("xxh3_128")->as_string(),
              xxh3_128(std::span(m.output.files[item.file])
                           .subspan(item.offset, item.value->bytes()))
                  .hex());
  }
  const json::Array& sources = *document.find("source")->find("tensors")->as_array();
  ASSERT_EQ(sources.size(), m.plan.source->tensors.size());
  for (const json::Value& source : sources) {
    const Tensor* tensor = m.plan.source->find(*source.find("name")->as_string());
    ASSERT_NE(tensor, nullptr);
    FloatCensus ignored;
    EXPECT_EQ(*source.find("xxh3_128")->as_string(),
              xxh3_128(tensor->value->fetch(0, tensor->elements(), ignored).bytes()).hex());
  }
}

TEST(Manifest, SumsAreThoseOfTheFiles) {
  const TinyModel model;
  const Manifest m(model, {{"no-tokenizer", ""}, {"checksum", ""}, {"split", "tensors:7"}}, {});
  std::string expected;
  for (size_t f = 0; f < static_cast<size_t>(m.plan.manifest_file); ++f) {
    Sha256 sha;
    sha.update(m.output.files[f]);
    expected += sha.hex() + "  " + m.plan.layout.files[f].name + "\n";
  }
  EXPECT_EQ(m.text(static_cast<size_t>(m.plan.manifest_file) + 1), expected);
}

TEST(Manifest, NoneIsWrittenWhenNoneIsWanted) {
  const TinyModel model;
  const Manifest m(model, {{"no-tokenizer", ""}, {"no-manifest", ""}}, {});
  EXPECT_EQ(m.plan.manifest_file, -1);
  EXPECT_EQ(m.output.files.size(), 1u);
}

}  // namespace
}  // namespace recast

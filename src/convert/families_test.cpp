#include <cmath>
#include <map>
#include <set>

#include "arch/key_tables.h"
#include "arch/arch_testing.h"
#include "arch/native.h"
#include "convert/convert_testing.h"
#include "recast/convert.h"

// Every family from a folder to a GGUF and back, by the whole of the pipeline.
namespace recast {
namespace {

using namespace convert_testing;
using arch_testing::facts_of;
using arch_testing::tiny_config;

// A tiny config that a GGUF can say: experts in every n-th layer are in each one.
json::Value sayable_config(const Architecture& arch) {
  json::Value config = tiny_config(arch);
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (row.kind == KeyKind::integer && row.fallback == "1" && !row.hf.empty())
        set_member(config, words(row.hf).front(), 1);
  for (const GgufLimit& limit : arch.limits) {
    const json::Value* value = member(config, limit.key);
    if (limit.kind != GgufLimit::Kind::refused || !value || !limit.applies(facts_of(arch, config)))
      continue;
    if (value->as_array())
      set_member(config, limit.key, json::Array{});
    else
      set_member(config, limit.key, !value->as_bool().value_or(true));
  }
  return config;
}

// The tensors of a model on disk, the plan kept for the files.
std::map<std::string, Tensor> tensors_of(const Plan& plan) {
  std::map<std::string, Tensor> out;
  for (const Tensor& tensor : plan.source->tensors) out.emplace(tensor.name, tensor);
  return out;
}

std::string bytes_of(const Tensor& tensor) { return arch_testing::bytes_of(*tensor.value); }

// Names of the folder whose values a rule computes.
std::set<std::string> computed_tensors(const ModelFacts& facts) {
  std::set<std::string> names;
  for (const auto& [name, slot] : native_slots(facts, Convention::hf))
    for (const TensorRow* row : slot.rows)
      for (const Rule* rule : {row->hf.rule, row->gguf.rule})
        if (rule && !rule->exact) names.insert(name);
  return names;
}

// First bytes of a tensor of the folder that a GGUF leaves out.
size_t left_out_bytes(const ModelFacts& facts, const std::string& tensor) {
  for (const auto& [name, slot] : native_slots(facts, Convention::hf))
    if (const Dim& skip = slot.rows.front()->gguf.skip; name == tensor && skip.extent)
      return static_cast<size_t>(skip.extent(facts) * facts.facts.integer(Fact::hidden)) *
             sizeof(float);
  return 0;
}

// One unit in the last place of what the rule stores, which is near 1 or larger than the value.
bool within_one_ulp(const Tensor& a, const Tensor& b) {
  const std::vector<float> x = arch_testing::floats_of(*a.value);
  const std::vector<float> y = arch_testing::floats_of(*b.value);
  for (size_t i = 0; i < x.size(); ++i)
    if (!(std::abs(x[i] - y[i]) <= std::ldexp(1 + std::abs(x[i]), -23))) return false;
  return x.size() == y.size();
}

class Family : public testing::TestWithParam<const Architecture*> {
 protected:
  Family() : scratch_(io_testing::memory_folder()) {
    config_ = sayable_config(*GetParam());
    scratch_.write("config/config.json", json::write(config_));
  }

  void run(const char* from, const char* to, Given given = {}) {
    ConvertOptions options = options_for(scratch_ / from, scratch_ / to, given);
    for (const char* name : {"no-tokenizer", "no-manifest"})
      set_option(options, *find_option(name), "");
    Watch watch;
    convert(options, watch);
    EXPECT_EQ(watch.count(codes::unknown_tensor), 0) << from;
    EXPECT_EQ(watch.count(codes::unknown_config_key), 0) << from;
  }

  // A folder of fakes, which are noise by name.
  void make_folder(const char* to) {
    run("config", to, {{"to", "hf"}, {"fake-weight", ""}, {"fake-weight-mode", "random"}});
  }

  // A file or folder as the source of a plan to `to`.
  Plan opened(const char* name, const char* to) {
    return plan_of(options_for(scratch_ / name, scratch_ / "unused",
                               {{"to", to}, {"no-tokenizer", ""}}));
  }

  void expect_equal(const Plan& a, const Plan& b) {
    const auto want = tensors_of(a), have = tensors_of(b);
    EXPECT_EQ(want.size(), have.size());
    for (const auto& [name, tensor] : want) {
      const auto other = have.find(name);
      ASSERT_NE(other, have.end()) << name;
      EXPECT_EQ(other->second.codec().name, tensor.codec().name) << name;
      EXPECT_EQ(other->second.shape(), tensor.shape()) << name;
      EXPECT_TRUE(bytes_of(other->second) == bytes_of(tensor)) << name;
    }
  }

  // Each source tensor is used, or listed with the rule that drops it.
  static void expect_all_accounted_for(const Plan& plan, std::set<std::string>& dropped) {
    std::set<std::string> used;
    for (const Origin& origin : plan.target.origins)
      used.insert(origin.sources.begin(), origin.sources.end());
    std::string list;
    for (const std::string& line : plan.target.dropped) list += "\n" + line;
    for (const Tensor& tensor : plan.source->tensors) {
      if (list.find("\n" + tensor.name + " (") != std::string::npos)
        dropped.insert(tensor.name);
      else
        EXPECT_TRUE(used.contains(tensor.name)) << tensor.name;
    }
  }

  Scratch scratch_;
  json::Value config_;
};

TEST_P(Family, GoesThereAndBack) {
  make_folder("first");
  if (GetParam()->gguf.empty()) {
    EXPECT_EQ(error_of([&] { opened("first", "gguf"); }).code, &codes::no_gguf_architecture);
    return;
  }
  run("first", "there.gguf");
  run("there.gguf", "back", {{"to", "hf"}});
  run("back", "again.gguf");
  expect_equal(opened("there.gguf", "hf"), opened("again.gguf", "hf"));
  run("config", "fake.gguf", {{"fake-weight", ""}, {"fake-weight-mode", "random"}});
  expect_equal(opened("there.gguf", "hf"), opened("fake.gguf", "hf"));

  const Plan first = opened("first", "gguf"), back = opened("back", "gguf");
  std::set<std::string> dropped, dropped_back;
  expect_all_accounted_for(first, dropped);
  expect_all_accounted_for(opened("there.gguf", "hf"), dropped_back);
  const ModelFacts facts = facts_of(*GetParam(), config_);
  const std::set<std::string> computed = computed_tensors(facts);
  const auto have = tensors_of(back);
  for (const auto& [name, tensor] : tensors_of(first)) {
    if (dropped.contains(name)) continue;
    const auto other = have.find(name);
    ASSERT_NE(other, have.end()) << name;
    EXPECT_EQ(other->second.shape(), tensor.shape()) << name;
    if (computed.contains(name))
      EXPECT_TRUE(within_one_ulp(tensor, other->second)) << name;
    else
      EXPECT_TRUE(bytes_of(tensor).substr(left_out_bytes(facts, name)) ==
                  bytes_of(other->second).substr(left_out_bytes(facts, name)))
          << name;
  }
  EXPECT_EQ(have.size() + dropped.size(), first.source->tensors.size());
}

TEST_P(Family, KeepsItsNamesInAFolder) {
  make_folder("first");
  run("first", "second", {{"to", "hf"}, {"precision", "f32"}});
  expect_equal(opened("first", "safetensors"), opened("second", "safetensors"));
}

INSTANTIATE_TEST_SUITE_P(All, Family,
                         testing::ValuesIn(all_architectures().begin(), all_architectures().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace recast

#include "arch/expected.h"

#include "arch/arch_testing.h"

namespace recast {
namespace {

using namespace arch_testing;

// What a checkpoint made from the same tables holds, without the tensors that are config elsewhere.
std::vector<std::pair<std::string, Shape>> made(const ModelFacts& model, Convention convention) {
  std::vector<std::pair<std::string, Shape>> out;
  for (const Tensor& tensor : tiny_checkpoint(tiny_canonical(model), convention).tensors)
    out.emplace_back(tensor.name, tensor.shape());
  return out;
}

TEST(Expected, IsWhatTheTablesMakeInEveryFamilyAndConvention) {
  for (const Architecture* arch : all_architectures())
    for (const bool tied : {false, true})
      for (const Convention convention : {Convention::hf, Convention::gguf}) {
        if (convention == Convention::gguf && arch->gguf.empty()) continue;
        if (tied && !find_key(*arch, Fact::tied)) continue;
        const ModelFacts model = facts_of(*arch, tiny_config(*arch, tied));
        std::vector<std::pair<std::string, Shape>> expected;
        for (const Expected& tensor : expected_tensors(model, convention))
          expected.emplace_back(tensor.name, tensor.shape);
        EXPECT_EQ(expected, made(model, convention))
            << arch->name << " " << convention_name(convention) << (tied ? " tied" : "");
      }
}

const Expected& named(const std::vector<Expected>& tensors, std::string_view name) {
  for (const Expected& tensor : tensors)
    if (tensor.name == name) return tensor;
  ADD_FAILURE() << "no tensor " << name;
  return tensors.front();
}

std::vector<Expected> of_family(std::string_view name) {
  for (const Architecture* arch : all_architectures())
    if (arch->name == name)
      return expected_tensors(facts_of(*arch, tiny_config(*arch)), Convention::hf);
  return {};
}

TEST(Expected, KnowsTheKeysBehindTheExtents) {
  const auto llama = of_family("llama");
  const auto blamed = [](const Expected& tensor) {
    std::vector<Fact> facts;
    for (const Dim& dim : tensor.dims) facts.push_back(dim.blame);
    return facts;
  };
  EXPECT_EQ(blamed(named(llama, "lm_head.weight")),
            (std::vector<Fact>{Fact::vocab, Fact::hidden}));
  EXPECT_EQ(blamed(named(llama, "model.norm.weight")), std::vector<Fact>{Fact::hidden});
  EXPECT_EQ(named(llama, "model.layers.1.mlp.down_proj.weight").roles.front().layer, 1);
  // Stored [in, out], and the sum of three.
  EXPECT_EQ(blamed(named(of_family("gpt2"), "transformer.h.0.attn.c_attn.weight")),
            (std::vector<Fact>{Fact::hidden, Fact{}}));
}

TEST(Expected, NormsMultiplyAndMatricesKeepTheSizeOfTheirInput) {
  EXPECT_EQ(named(of_family("llama"), "model.norm.weight").mean, 1);
  EXPECT_EQ(named(of_family("gemma"), "model.norm.weight").mean, 0);  // multiplies by 1 + weight
  const auto gpt2 = of_family("gpt2");
  EXPECT_EQ(named(gpt2, "transformer.ln_f.bias").mean, 0);
  const Expected& up = named(gpt2, "transformer.h.0.mlp.c_fc.weight");
  EXPECT_FLOAT_EQ(up.deviation * up.deviation * static_cast<float>(up.shape[0]), 1);
}

}  // namespace
}  // namespace recast

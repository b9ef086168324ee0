#include "arch/canonical.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "arch/arch_testing.h"
#include "arch/families.h"

namespace recast {
namespace {

using namespace arch_testing;

constexpr Convention conventions[] = {Convention::hf, Convention::gguf};

std::vector<Convention> conventions_of(const Architecture& arch) {
  if (arch.gguf.empty()) return {Convention::hf};
  return {Convention::hf, Convention::gguf};
}

// The part of a model that a convention holds.
Canonical held(Canonical model, Convention convention) {
  model = held_by(std::move(model), convention);
  model.dropped.clear();
  return model;
}

// Whether any role of the family is stored with a rule that rounds.
bool rounds(const Architecture& arch, const RoleKey& key) {
  for (const auto& group : arch.tensors)
    for (const TensorRow& row : group)
      if (row.role == key.role)
        for (const Convention c : conventions)
          if (const Rule* rule = row.cell(c).rule; rule && !rule->exact) return true;
  return false;
}

// The same bytes; where the native form is 1 + w, within an ulp of that.
void expect_same(const Value& a, const Value& b, bool exact, const std::string& name) {
  EXPECT_EQ(a.shape(), b.shape()) << name;
  if (exact) {
    EXPECT_EQ(bytes_of(a), bytes_of(b)) << name;
    return;
  }
  const std::vector<float> x = floats_of(a), y = floats_of(b);
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(x[i], y[i], std::nextafter(1 + x[i], 9.0f) - (1 + x[i])) << name << " " << i;
}

// For every family, tied and not.
template <class Body>
void each_model(Body&& body) {
  for (const Architecture* arch : all_architectures())
    for (const bool tied : {false, true}) {
      if (!find_key(*arch, Fact::tied) && tied) continue;
      SCOPED_TRACE(std::string(arch->name) + (tied ? ", tied" : ""));
      body(tiny_canonical(facts_of(*arch, tiny_config(*arch, tied))));
    }
}

TEST(Canonical, EveryFamilyComesBackFromEachConvention) {
  each_model([](const Canonical& whole) {
    for (const Convention convention : conventions_of(*whole.model.arch)) {
      const Canonical model = held(whole, convention);
      std::vector<Finding> warnings;
      const Checkpoint checkpoint = tiny_checkpoint(model, convention);
      const Canonical back = to_canonical(checkpoint, model.model, warnings);
      EXPECT_TRUE(warnings.empty());
      EXPECT_TRUE(back.unknown.empty());
      EXPECT_TRUE(back.dropped.empty());
      ASSERT_EQ(back.tensors.size(), model.tensors.size());
      for (const auto& [key, tensor] : model.tensors) {
        ASSERT_TRUE(back.tensors.contains(key)) << to_string(key);
        expect_same(*tensor.value, *back.tensors.at(key).value,
                    convention == Convention::hf || !rounds(*model.model.arch, key),
                    to_string(key));
      }
    }
  });
}

TEST(Canonical, EveryFamilyComesBackFromGgufByItsKeysAlone) {
  each_model([](const Canonical& whole) {
    if (whole.model.arch->gguf.empty()) return;
    for (const GgufLimit& limit : whole.model.arch->limits)
      if (limit.kind == GgufLimit::Kind::refused && limit.applies(whole.model)) return;
    const Canonical model = held(whole, Convention::gguf);
    const Checkpoint hf = tiny_checkpoint(model, Convention::hf);
    const Checkpoint gguf = tiny_checkpoint(model, Convention::gguf);
    std::vector<Finding> warnings;
    const ModelFacts facts = facts_from_gguf(*model.model.arch, gguf, nullptr, warnings);
    const Canonical back = to_canonical(gguf, facts, warnings);
    const Checkpoint again = tiny_checkpoint(back, Convention::hf);
    ASSERT_EQ(again.tensors.size(), hf.tensors.size());
    const std::vector<NativeTensor> native = from_canonical(back, Convention::hf);
    for (size_t i = 0; i < hf.tensors.size(); ++i) {
      EXPECT_EQ(again.tensors[i].name, hf.tensors[i].name);
      expect_same(*hf.tensors[i].value, *again.tensors[i].value,
                  !rounds(*model.model.arch, native[i].roles.front()), hf.tensors[i].name);
    }
  });
}

TEST(Canonical, NativeNamesAreTheTablesAndEachOnce) {
  each_model([](const Canonical& model) {
    for (const Convention convention : conventions_of(*model.model.arch)) {
      std::set<std::string> names, expected;
      for (const Tensor& tensor : tiny_checkpoint(model, convention).tensors)
        EXPECT_TRUE(names.insert(tensor.name).second) << tensor.name;
      for (const auto& [name, slot] : native_slots(model.model, convention))
        if (is_needed(slot, model.model)) expected.insert(name);
      EXPECT_EQ(names, expected);
    }
  });
}

TEST(Canonical, EachMissingTensorIsNamed) {
  each_model([](const Canonical& model) {
    for (const Convention convention : conventions_of(*model.model.arch)) {
      const Checkpoint whole = tiny_checkpoint(model, convention);
      for (const Tensor& tensor : whole.tensors) {
        Checkpoint part = whole;
        part.config.set("tie_word_embeddings", false);
        std::erase_if(part.tensors, [&](const Tensor& t) { return t.name == tensor.name; });
        std::vector<Finding> warnings;
        const Error error = error_of([&] { to_canonical(part, model.model, warnings); });
        ASSERT_EQ(error.code, &codes::tensor_missing) << tensor.name;
        EXPECT_EQ(error.where, tensor_where(tensor.name));
      }
    }
  });
}

TEST(Canonical, AnExtraTensorIsToldAndNotCarried) {
  each_model([](const Canonical& model) {
    Checkpoint more = tiny_checkpoint(model, Convention::hf);
    more.tensors.push_back({"model.layers.0.adapter.weight", more.tensors.front().value});
    std::vector<Finding> warnings;
    const Canonical back = to_canonical(more, model.model, warnings);
    EXPECT_EQ(back.unknown, std::vector<std::string>{"model.layers.0.adapter.weight"});
    EXPECT_EQ(back.tensors.size(), model.tensors.size());
  });
}

TEST(Canonical, AWrongShapeNamesTensorAndConfigKey) {
  each_model([](const Canonical& model) {
    for (const Convention convention : conventions_of(*model.model.arch)) {
      const Checkpoint whole = tiny_checkpoint(model, convention);
      for (size_t i = 0; i < whole.tensors.size(); ++i)
        for (size_t axis = 0; axis < whole.tensors[i].shape().size(); ++axis) {
          Checkpoint bad = whole;
          std::mt19937 random(1);
          Shape shape = bad.tensors[i].shape();
          ++shape[axis];
          bad.tensors[i].value = random_f32(random, shape);
          std::vector<Finding> warnings;
          const Error error = error_of([&] { to_canonical(bad, model.model, warnings); });
          ASSERT_EQ(error.code, &codes::tensor_shape) << bad.tensors[i].name;
          EXPECT_NE(error.where.find(bad.tensors[i].name), std::string::npos) << error.where;
          EXPECT_NE(error.where.find("key \""), std::string::npos) << error.where;
          EXPECT_EQ(error.found, to_string(shape));
        }
    }
  });
}

TEST(Canonical, TheLayerCountOfTheConfigMustBeThatOfTheNames) {
  each_model([](const Canonical& model) {
    for (const Convention convention : conventions_of(*model.model.arch))
      for (const int64_t layers : {1, 3}) {
        ModelFacts facts = model.model;
        facts.facts.set(Fact::layers, layers);
        std::vector<Finding> warnings;
        const Error error = error_of(
            [&] { to_canonical(tiny_checkpoint(model, convention), facts, warnings); });
        ASSERT_EQ(error.code, &codes::config_contradicts);
        EXPECT_EQ(error.where, key_where(key_spelling(*facts.arch, Fact::layers, convention)));
        EXPECT_EQ(error.found, std::to_string(layers));
        EXPECT_TRUE(error.expected.starts_with("2,")) << error.expected;
      }
  });
}

TEST(Canonical, ASecondTensorOfOneNameIsRefused) {
  each_model([](const Canonical& model) {
    Checkpoint twice = tiny_checkpoint(model, Convention::hf);
    twice.tensors.push_back(twice.tensors.front());
    std::vector<Finding> warnings;
    const Error error = error_of([&] { to_canonical(twice, model.model, warnings); });
    EXPECT_EQ(error.code, &codes::tensor_twice);
    EXPECT_EQ(error.where, tensor_where(twice.tensors.front().name));
  });
}

TEST(Canonical, UpToThreeProblemsComeAtOnce) {
  Canonical model = tiny_canonical(facts_of(llama, tiny_config(llama)));
  Checkpoint part = tiny_checkpoint(model, Convention::hf);
  std::erase_if(part.tensors, [](const Tensor& t) { return t.name.ends_with("layernorm.weight"); });
  std::vector<Finding> warnings;
  const Error error = error_of([&] { to_canonical(part, model.model, warnings); });
  ASSERT_EQ(error.more.size(), 2u);
  EXPECT_EQ(error.more[1].code, &codes::tensor_missing);
}

TEST(Canonical, AHeadBesideATiedEmbeddingIsLeftOut) {
  for (const Architecture* arch : all_architectures()) {
    if (!find_key(*arch, Fact::tied)) continue;
    SCOPED_TRACE(arch->name);
    Canonical model = tiny_canonical(facts_of(*arch, tiny_config(*arch, true)));
    const Canonical untied = tiny_canonical(facts_of(*arch, tiny_config(*arch, false)));
    for (const bool equal : {true, false}) {
      Canonical headed = model;
      headed.tensors[{Role::output}] =
          equal ? model.tensors.at({Role::token_embd}) : untied.tensors.at({Role::output});
      for (const Convention convention : conventions_of(*arch)) {
        std::vector<Finding> warnings;
        const Canonical back =
            to_canonical(tiny_checkpoint(headed, convention), model.model, warnings);
        EXPECT_EQ(has_code(warnings, codes::head_differs), !equal);
        EXPECT_FALSE(back.tensors.contains({Role::output}));
        ASSERT_EQ(back.dropped.size(), 1u);
        EXPECT_EQ(back.dropped[0].rule, "tied head");
      }
    }
  }
}

TEST(Canonical, NoHeadAndNoWordOnItMeansTied) {
  for (const Architecture* arch : all_architectures()) {
    const KeyRow* row = find_key(*arch, Fact::tied);
    if (!row || row->fallback != "false") continue;
    SCOPED_TRACE(arch->name);
    Canonical model = tiny_canonical(facts_of(*arch, tiny_config(*arch)));
    model.tensors.erase({Role::output});
    std::vector<Finding> warnings;
    const Canonical back =
        to_canonical(tiny_checkpoint(model, Convention::hf), model.model, warnings);
    EXPECT_TRUE(back.model.facts.flag(Fact::tied));
    EXPECT_TRUE(has_code(warnings, codes::tied_by_absence));
  }
}

TEST(Canonical, AFamilyPrefixMayBeMissing) {
  each_model([](const Canonical& model) {
    for (const std::string_view prefix : words(model.model.arch->prefixes)) {
      Checkpoint bare = tiny_checkpoint(model, Convention::hf);
      size_t stripped = 0;
      for (Tensor& tensor : bare.tensors)
        if (tensor.name.starts_with(prefix)) {
          tensor.name.erase(0, prefix.size());
          ++stripped;
        }
      if (stripped == 0)  // the class for the whole model puts it before
        for (Tensor& tensor : bare.tensors) tensor.name.insert(0, prefix);
      EXPECT_TRUE(stripped == 0 || stripped > 10);
      std::vector<Finding> warnings;
      const Canonical back = to_canonical(bare, model.model, warnings);
      EXPECT_TRUE(back.unknown.empty());
      ASSERT_EQ(back.tensors.size(), model.tensors.size());
      for (const auto& [key, tensor] : model.tensors)
        EXPECT_EQ(bytes_of(*back.tensors.at(key).value), bytes_of(*tensor.value));
    }
  });
}

TEST(Canonical, BuffersOfOldCheckpointsAreDropped) {
  for (const Architecture* arch : all_architectures())
    for (const std::string_view suffix : words(arch->dropped)) {
      Canonical model = tiny_canonical(facts_of(*arch, tiny_config(*arch)));
      Checkpoint old = tiny_checkpoint(model, Convention::hf);
      old.tensors.push_back({"model.layers.0.self_attn" + std::string(suffix),
                             old.tensors.front().value});
      std::vector<Finding> warnings;
      const Canonical back = to_canonical(old, model.model, warnings);
      ASSERT_EQ(back.dropped.size(), 1u) << suffix;
      EXPECT_TRUE(back.dropped[0].name.ends_with(suffix));
      EXPECT_TRUE(back.unknown.empty());
    }
}

std::vector<float> gguf_values(const Canonical& model, std::string_view name) {
  Checkpoint gguf = tiny_checkpoint(model, Convention::gguf);
  return floats_of(*tensor_named(gguf, name).value);
}

// Source: the reference converter's permute: reshape(heads, 2, dim / 2, columns).swapaxes(1, 2).
TEST(Canonical, LlamaInGgufHasInterleavedRotaryPairs) {
  const Canonical model = tiny_canonical(facts_of(llama, tiny_config(llama)));
  for (const auto& [role, name, heads] :
       {std::tuple{Role::attn_q, "blk.1.attn_q.", 4}, {Role::attn_k, "blk.1.attn_k.", 2}}) {
    const std::vector<float> w = floats_of(*model.tensors.at({role, Part::weight, 1}).value);
    const std::vector<float> b = floats_of(*model.tensors.at({role, Part::bias, 1}).value);
    std::vector<float> weight, bias;
    for (int h = 0; h < heads; ++h)
      for (int pair = 0; pair < 3; ++pair)
        for (int side = 0; side < 2; ++side) {
          const int row = h * 6 + side * 3 + pair;
          weight.insert(weight.end(), w.begin() + row * 24, w.begin() + (row + 1) * 24);
          bias.push_back(b[static_cast<size_t>(row)]);
        }
    EXPECT_EQ(gguf_values(model, name + std::string("weight")), weight);
    EXPECT_EQ(gguf_values(model, name + std::string("bias")), bias);
  }
}

TEST(Canonical, QwenInGgufKeepsTheRowsOfQ) {
  const Canonical model = tiny_canonical(facts_of(qwen2, tiny_config(qwen2)));
  EXPECT_EQ(gguf_values(model, "blk.0.attn_q.weight"),
            floats_of(*model.tensors.at({Role::attn_q, Part::weight, 0}).value));
}

TEST(Canonical, GemmaInGgufHasNormsPlusOne) {
  const Canonical model = tiny_canonical(facts_of(gemma, tiny_config(gemma)));
  std::vector<float> expected = floats_of(*model.tensors.at({Role::output_norm}).value);
  for (float& v : expected) v += 1;
  EXPECT_EQ(gguf_values(model, "output_norm.weight"), expected);
}

TEST(Canonical, Gpt2FusesQkvAndHuggingFaceTurnsIt) {
  const Canonical model = tiny_canonical(facts_of(gpt2, tiny_config(gpt2)));
  std::vector<float> rows;
  for (const Role role : {Role::attn_q, Role::attn_k, Role::attn_v}) {
    const auto part = floats_of(*model.tensors.at({role, Part::weight, 0}).value);
    rows.insert(rows.end(), part.begin(), part.end());
  }
  EXPECT_EQ(gguf_values(model, "blk.0.attn_qkv.weight"), rows);
  Checkpoint hf = tiny_checkpoint(model, Convention::hf);
  const Tensor& fused = tensor_named(hf, "transformer.h.0.attn.c_attn.weight");
  ASSERT_EQ(fused.shape(), (Shape{24, 72}));
  const std::vector<float> turned = floats_of(*fused.value);
  for (size_t out = 0; out < 72; ++out)
    for (size_t in = 0; in < 24; ++in) ASSERT_EQ(turned[in * 72 + out], rows[out * 24 + in]);
}

TEST(Canonical, Phi3FusesInTheOrderOfTheTable) {
  const Canonical model = tiny_canonical(facts_of(phi3, tiny_config(phi3)));
  std::vector<float> rows = floats_of(*model.tensors.at({Role::ffn_gate, Part::weight, 1}).value);
  const auto up = floats_of(*model.tensors.at({Role::ffn_up, Part::weight, 1}).value);
  rows.insert(rows.end(), up.begin(), up.end());
  EXPECT_EQ(gguf_values(model, "blk.1.ffn_up.weight"), rows);
}

// A fused matrix that is cut and fused again is copied from file to file.
// Expert stacks and fused matrices were once made of bytes of two types.
TEST(Canonical, PartsOfSeveralTypesBecomeF32) {
  const ModelFacts model = facts_of(mixtral, tiny_config(mixtral));
  const Canonical made = tiny_canonical(model);
  const RoleKey gates{Role::expert_gate, Part::weight, 0};
  Checkpoint hf = tiny_checkpoint(made, Convention::hf);
  int i = 0;
  for (Tensor& tensor : hf.tensors)
    if (tensor.name.find(".experts.") != std::string::npos)
      tensor.value = cast(tensor.value, ++i % 2 == 0 ? codec::f16 : codec::bf16);
  std::vector<Finding> warnings;
  const Canonical back = to_canonical(hf, model, warnings);
  const Value& stack = *back.tensors.at(gates).value;
  EXPECT_EQ(&stack.codec(), &codec::f32);
  const std::vector<float> was = floats_of(*made.tensors.at(gates).value);
  const std::vector<float> is = floats_of(stack);
  for (size_t k = 0; k < was.size(); ++k) EXPECT_NEAR(is[k], was[k], 0.01) << k;
}

// Found by fuzzing: no function decodes these values.
TEST(Canonical, ARuleThatComputesRefusesTypesThatItCannotRead) {
  const ModelFacts model = facts_of(gemma, tiny_config(gemma));
  Canonical made = tiny_canonical(model);
  Checkpoint gguf = tiny_checkpoint(made, Convention::gguf);
  Tensor& norm = tensor_named(gguf, "output_norm.weight");
  const Codec opaque = {.name = "OPAQUE", .block_elements = 1, .block_bytes = 4};
  norm.value = constant(std::vector<std::byte>(4 * 24), {24}, opaque);
  std::vector<Finding> warnings;
  const Error error = error_of([&] { to_canonical(gguf, model, warnings); });
  EXPECT_EQ(error.code, &codes::type_not_decodable);
  EXPECT_EQ(error.where, "tensor \"output_norm.weight\"");
}

TEST(Canonical, WhatEndsWhereItBeganKeepsItsValue) {
  each_model([](const Canonical& model) {
    if (model.model.arch->gguf.empty()) return;
    Checkpoint gguf = tiny_checkpoint(model, Convention::gguf);
    for (Tensor& tensor : gguf.tensors)  // as a file has them: one value each
      tensor.value = constant_f32(floats_of(*tensor.value), tensor.shape(), codec::f32);
    std::vector<Finding> warnings;
    const Canonical back = to_canonical(gguf, model.model, warnings);
    const Checkpoint again = tiny_checkpoint(back, Convention::gguf);
    ASSERT_EQ(again.tensors.size(), gguf.tensors.size());
    for (size_t i = 0; i < gguf.tensors.size(); ++i) {
      const RoleKey key = from_canonical(back, Convention::gguf)[i].roles.front();
      if (rounds(*model.model.arch, key)) continue;
      EXPECT_EQ(again.tensors[i].value, gguf.tensors[i].value) << gguf.tensors[i].name;
    }
  });
}

}  // namespace
}  // namespace recast

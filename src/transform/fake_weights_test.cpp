#include "transform/fake_weights.h"

#include <gtest/gtest.h>

#include <cstring>

#include "arch/recognise.h"

namespace recast {
namespace {

const Codec word = {
    .name = "word",
    .block_bytes = 4,
    .decode = [](const std::byte* source, float* destination,
                 int64_t n) { std::memcpy(destination, source, static_cast<size_t>(n) * 4); },
    .encode = [](const float* source, std::byte* destination,
                 int64_t n) { std::memcpy(destination, source, static_cast<size_t>(n) * 4); },
};

constexpr std::string_view config_text = R"({
  "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 96,
  "max_position_embeddings": 128, "model_type": "llama", "num_attention_heads": 4,
  "num_hidden_layers": 2, "num_key_value_heads": 2, "tie_word_embeddings": false,
  "vocab_size": 40})";

struct Fake {
  Checkpoint model;
  FakeWeights weights{.f32 = &word, .dtype = &word, .shapes_file = "shapes.json"};
  std::vector<FakeChange> changes;

  Fake() {
    model.config = json::parse(config_text, {});
    model.config_file = "config.json";
  }
  Fake& make() {
    changes = add_fake_weights(model, *find_architecture("llama"), weights);
    return *this;
  }
  const ErrorCode* code(Error* error) {
    try {
      make();
    } catch (const Error& e) {
      *error = e;
      return e.code;
    }
    return nullptr;
  }
};

Fake with(std::vector<FakeShape> shapes) {
  Fake fake;
  fake.weights.shapes = std::move(shapes);
  return fake;
}

TEST(FakeWeights, AreZerosOfTheStatedType) {
  const Fake fake = Fake().make();
  EXPECT_EQ(fake.model.tensors.size(), 1u + 2 * 9 + 2);
  for (const Tensor& tensor : fake.model.tensors) {
    EXPECT_TRUE(tensor.value->is_zero()) << tensor.name;
    EXPECT_EQ(&tensor.codec(), &word);
  }
  EXPECT_EQ(fake.model.find("lm_head.weight")->shape(), (Shape{40, 64}));
}

TEST(FakeWeights, OfOneExtentFollowAChangedShape) {
  const Fake fake = with({{"model.embed_tokens.weight", {48, 64}}}).make();
  EXPECT_EQ(fake.model.find("model.embed_tokens.weight")->shape(), (Shape{48, 64}));
  EXPECT_EQ(fake.model.find("lm_head.weight")->shape(), (Shape{48, 64}));
  EXPECT_EQ(fake.model.config.find("vocab_size")->as_int(), 48);
  ASSERT_EQ(fake.changes.size(), 1u);
  EXPECT_EQ(fake.changes[0].key, "vocab_size");
  EXPECT_EQ(fake.changes[0].value, 48);
}

TEST(FakeWeights, ShapesThatTheModelHasChangeNothing) {
  EXPECT_TRUE(with({{"lm_head.weight", {40, 64}}}).make().changes.empty());
}

TEST(FakeWeights, OfAllLayersMayChangeTogether) {
  std::vector<FakeShape> shapes;
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    shapes.push_back({layer + "mlp.gate_proj.weight", {128, 64}});
    shapes.push_back({layer + "mlp.up_proj.weight", {128, 64}});
    shapes.push_back({layer + "mlp.down_proj.weight", {64, 128}});
    shapes.push_back({layer + "self_attn.k_proj.weight", {64, 64}});
    shapes.push_back({layer + "self_attn.v_proj.weight", {64, 64}});
  }
  const Fake fake = with(shapes).make();
  EXPECT_EQ(fake.model.config.find("intermediate_size")->as_int(), 128);
  EXPECT_EQ(fake.model.config.find("num_key_value_heads")->as_int(), 4);
}

TEST(FakeWeights, ShapesThatBreakTheModelAreRefusedByName) {
  for (const auto& [name, shape] : std::vector<FakeShape>{
           {"model.layers.0.mlp.up_proj.weight", {128, 64}},    // the other layers, gate and down
           {"model.embed_tokens.weight", {40, 128}},            // the width is everywhere
           {"model.embed_tokens.weight", {40}},                 // a vector
           {"model.norm.weight", {65}},                         // heads do not divide it
           {"model.layers.1.self_attn.k_proj.weight", {7, 64}}  // no whole heads
       }) {
    Error error;
    EXPECT_EQ(with({{name, shape}}).code(&error), &codes::fake_shape_breaks) << name;
    EXPECT_NE(error.where.find(name), std::string::npos) << error.where;
    EXPECT_EQ(error.file, "shapes.json");
  }
}

TEST(FakeWeights, ContradictingShapesAreRefused) {
  Error error;
  Fake fake = with({{"model.embed_tokens.weight", {48, 64}}, {"lm_head.weight", {56, 64}}});
  EXPECT_EQ(fake.code(&error), &codes::fake_shape_breaks);
}

TEST(FakeWeights, UnknownNamesAreRefusedWithANearOne) {
  Error error;
  EXPECT_EQ(with({{"model.layers.2.mlp.up_proj.weight", {96, 64}}}).code(&error),
            &codes::fake_shape_unknown);
  EXPECT_NE(error.expected.find("mlp.up_proj.weight"), std::string::npos) << error.expected;
}

TEST(FakeWeights, AConfigBeyondAnyModelIsRefused) {
  Fake fake;
  for (const char* key : {"hidden_size", "intermediate_size", "vocab_size", "head_dim"})
    fake.model.config.set(key, int64_t{2147483646});
  Error error;
  EXPECT_EQ(fake.code(&error), &codes::config_value);
}

TEST(FakeWeights, AreMarkedByABooleanOrAText) {
  Metadata metadata;
  EXPECT_FALSE(has_fake_weights(metadata));
  for (const MetaValue& yes : {MetaValue::boolean(true), MetaValue::string("true")}) {
    metadata.set(fake_weights_key, yes);
    EXPECT_TRUE(has_fake_weights(metadata));
  }
  metadata.set(fake_weights_key, MetaValue::string("false"));
  EXPECT_FALSE(has_fake_weights(metadata));
}

}  // namespace
}  // namespace recast

#include "quantize/importance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

Tensor floats(std::string name, Shape shape, const std::vector<float>& values) {
  return {std::move(name), constant_f32(values, std::move(shape), codec::f32)};
}

const ErrorCode* code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code;
  }
  return nullptr;
}

Checkpoint matrix() {
  Checkpoint out;
  out.convention = Convention::gguf;
  out.tensors = {floats("q.weight.in_sum2", {1, 2}, {3, 6}), floats("q.weight.counts", {1, 1}, {3}),
                 floats("e.weight.in_sum2", {2, 2}, {4, 8, 5, 7}),
                 floats("e.weight.counts", {2, 1}, {4, 0})};
  out.metadata.set("imatrix.chunk_count", MetaValue::u32(9));
  out.metadata.set("imatrix.datasets", MetaValue::strings({"text.txt", "more.txt"}));
  return out;
}

TEST(Importance, IsTheMeanOfSquaresAndOneWithoutData) {
  const Importance importance = importance_from(matrix());
  ASSERT_EQ(importance.entries.size(), 2u);
  EXPECT_EQ(*importance.entries.at("q.weight"), (std::vector<float>{1, 2}));
  EXPECT_EQ(*importance.entries.at("e.weight"), (std::vector<float>{1, 2, 1, 1}));
  EXPECT_EQ(importance.chunks, 9);
  EXPECT_EQ(importance.dataset, "text.txt");
}

TEST(Importance, OfAnotherSortOfFileIsRefused) {
  EXPECT_EQ(code_of([] { importance_from(Checkpoint{}); }), &codes::imatrix_file);
  Checkpoint no_counts = matrix();
  no_counts.tensors.erase(no_counts.tensors.begin() + 1);
  EXPECT_EQ(code_of([&] { importance_from(no_counts); }), &codes::imatrix_file);
  Checkpoint odd_counts = matrix();
  odd_counts.tensors[3] = floats("e.weight.counts", {1, 1}, {4});
  EXPECT_EQ(code_of([&] { importance_from(odd_counts); }), &codes::imatrix_file);
  Checkpoint packed = matrix();
  packed.tensors[0] = {"q.weight.in_sum2",
                       constant(std::vector<std::byte>(34), {1, 32}, codec::q8_0)};
  EXPECT_EQ(code_of([&] { importance_from(packed); }), &codes::imatrix_file);
  for (const float bad : {NAN, INFINITY, -1.0F}) {
    Checkpoint damaged = matrix();
    damaged.tensors[0] = floats("q.weight.in_sum2", {1, 2}, {3, bad});
    const Importance importance = importance_from(damaged);
    EXPECT_EQ(code_of([&] { check_importance(importance, "m"); }), &codes::imatrix_file) << bad;
  }
}

TEST(Importance, BelongsToTensorsOfItsLength) {
  const Importance importance = importance_from(matrix());
  EXPECT_EQ(importance_of(importance, "q.weight", {5, 2}), importance.entries.at("q.weight"));
  EXPECT_EQ(importance_of(importance, "e.weight", {2, 7, 2}), importance.entries.at("e.weight"));
  EXPECT_EQ(importance_of(importance, "other.weight", {5, 2}), nullptr);
  EXPECT_EQ(code_of([&] { importance_of(importance, "q.weight", {5, 3}); }),
            &codes::imatrix_mismatch);
  EXPECT_EQ(code_of([&] { importance_of(importance, "e.weight", {7, 2}); }),
            &codes::imatrix_mismatch);
  Importance embedding;
  embedding.entries["token_embd.weight"] = importance.entries.at("q.weight");
  EXPECT_EQ(importance_of(embedding, "token_embd.weight", {5, 3}), nullptr);
}

TEST(Importance, EntriesAreChosenByPatterns) {
  const auto names = [](const std::vector<std::string>& include,
                        const std::vector<std::string>& exclude) {
    Importance importance = importance_from(matrix());
    std::vector<NamePattern> in, ex;
    for (const auto& text : include) in.emplace_back(text, "--include-weights");
    for (const auto& text : exclude) ex.emplace_back(text, "--exclude-weights");
    choose_entries(importance, in, ex);
    std::string text;
    for (const auto& [name, values] : importance.entries) text += name + " ";
    return text;
  };
  EXPECT_EQ(names({}, {}), "e.weight q.weight ");
  EXPECT_EQ(names({"^q"}, {}), "q.weight ");
  EXPECT_EQ(names({"^q", "^e"}, {}), "e.weight q.weight ");
  EXPECT_EQ(names({}, {"^q"}), "e.weight ");
  EXPECT_EQ(names({"weight"}, {"^e\\."}), "q.weight ");
  EXPECT_EQ(code_of([&] { names({"^z"}, {}); }), &codes::pattern_unused);
  EXPECT_EQ(code_of([&] { names({}, {"^z"}); }), &codes::pattern_unused);
  EXPECT_EQ(code_of([&] { names({"("}, {}); }), &codes::bad_value);
}

TEST(Importance, IsNamedInTheKeysOfTheReference) {
  Importance importance = importance_from(matrix());
  importance.file = "m.gguf";
  Metadata metadata;
  describe_importance(importance, metadata);
  EXPECT_EQ(*metadata.find("quantize.imatrix.file"), MetaValue::string("m.gguf"));
  EXPECT_EQ(*metadata.find("quantize.imatrix.dataset"), MetaValue::string("text.txt"));
  EXPECT_EQ(*metadata.find("quantize.imatrix.entries_count"), MetaValue::u32(2));
  EXPECT_EQ(*metadata.find("quantize.imatrix.chunks_count"), MetaValue::u32(9));
}

TEST(NamePattern, IsSearchedForInFewSteps) {
  const NamePattern pattern("blk\\.(0|1)\\.ffn_down", "--tensor-type");
  EXPECT_TRUE(pattern.matches("blk.1.ffn_down.weight"));
  EXPECT_FALSE(pattern.matches("blk.2.ffn_down.weight"));
  EXPECT_FALSE(pattern.matches(""));
  const NamePattern slow("(a+)+$", "--tensor-type");
  EXPECT_EQ(code_of([&] { slow.matches(std::string(60, 'a') + "b"); }), &codes::bad_value);
  EXPECT_EQ(code_of([] { NamePattern("[", "--tensor-type"); }), &codes::bad_value);
  EXPECT_EQ(code_of([] { NamePattern(std::string(5000, 'a'), "--tensor-type"); }),
            &codes::bad_value);
}

}  // namespace
}  // namespace recast

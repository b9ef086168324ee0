#include "quantize/file_types.h"

#include <gtest/gtest.h>

#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

Tensor tensor(std::string name, Shape shape, const Codec& codec = codec::f32) {
  const int64_t n = element_count(shape).value();
  return {std::move(name),
          constant(std::vector<std::byte>(codec.bytes(n)), std::move(shape), codec)};
}

std::vector<std::string_view> types(const std::vector<Tensor>& tensors, const TypeRequest& request,
                                    std::vector<Finding>* warnings = nullptr) {
  std::vector<Finding> own;
  std::vector<std::string_view> names;
  for (const Codec* codec : decide_types(tensors, request, warnings ? *warnings : own))
    names.push_back(codec->name);
  return names;
}

const ErrorCode* refusal(const std::vector<Tensor>& tensors, const TypeRequest& request) {
  try {
    types(tensors, request);
  } catch (const Error& error) {
    return error.code;
  }
  return nullptr;
}

// A small model: matrix, embedding, head, vectors of either end. Rows that every block divides.
std::vector<Tensor> model(const Codec& codec) {
  return {tensor("token_embd.weight", {8, 256}, codec),
          tensor("blk.0.attn_q.weight", {8, 256}, codec),
          tensor("blk.0.attn_norm.weight", {256}, codec), tensor("blk.0.attn_q.bias", {256}, codec),
          tensor("output.weight", {8, 256}, codec)};
}

TEST(FileTypes, EveryTypePacksMatricesAndKeepsVectorsF32) {
  for (const FileType& type : all_file_types()) {
    SCOPED_TRACE(type.name);
    const std::string_view t = type.codec->name;
    for (const Codec* source : {&codec::f32, &codec::f16, &codec::bf16, &codec::f64})
      EXPECT_EQ(types(model(*source), {.quant = &type, .pure = true}),
                (std::vector<std::string_view>{t, t, "F32", "F32", t}));
    EXPECT_EQ(&file_type(type.name), &type);
    ASSERT_NE(file_type_of(*type.codec), nullptr);
    EXPECT_EQ(file_type_by_number(type.number), &type);
  }
  EXPECT_EQ(file_type_by_number(9999), nullptr);
  EXPECT_EQ(file_type_of(codec::i32), nullptr);
}

TEST(FileTypes, TheNameOfAPackingIsTheFileTypeOfThatName) {
  EXPECT_EQ(file_type("q3_k").name, "q3_k_m");
  EXPECT_EQ(file_type("Q4-K").name, "q4_k_m");
  EXPECT_EQ(file_type("q5_k").name, "q5_k_m");
  EXPECT_EQ(file_type("mxfp4").name, "mxfp4_moe");
  EXPECT_EQ(file_type_of(codec::iq2_s)->name, "iq2_s");
  EXPECT_EQ(file_type_of(codec::iq3_s)->name, "iq3_s");
  EXPECT_EQ(file_type_of(codec::q4_k)->name, "q4_k_m");
  EXPECT_EQ(file_type_of(codec::q2_k)->name, "q2_k");
}

TEST(FileTypes, NamesComeInAnySpelling) {
  EXPECT_EQ(file_type("Q8_0").name, "q8_0");
  EXPECT_EQ(file_type("q5-1").name, "q5_1");
  EXPECT_EQ(file_type("fp16").name, "f16");
  EXPECT_EQ(file_type("BFloat16").name, "bf16");
}

TEST(FileTypes, WhatIsNoFileTypeIsRefused) {
  const auto code = [](std::string_view name) -> const ErrorCode* {
    try {
      file_type(name);
    } catch (const Error& error) {
      return error.code;
    }
    return nullptr;
  };
  EXPECT_EQ(code("q8_1"), &codes::type_not_encodable);
  EXPECT_EQ(code("Q8-1"), &codes::type_not_encodable);
  EXPECT_EQ(code("q9_0"), &codes::unknown_type);
  EXPECT_EQ(code("i32"), &codes::unknown_type);
  EXPECT_EQ(code(""), &codes::unknown_type);
}

TEST(FileTypes, ARowThatTheBlockDoesNotDivideFallsBackAndIsTold) {
  const std::vector<Tensor> tensors = {tensor("blk.0.ffn_down.weight", {4, 48}),
                                       tensor("blk.0.ffn_up.weight", {48, 256})};
  for (const FileType& type : all_file_types()) {
    std::vector<Finding> warnings;
    const bool packed = type.codec->block_elements > 1;
    EXPECT_EQ(types(tensors, {.quant = &type, .pure = true}, &warnings),
              (std::vector<std::string_view>{packed ? "F16" : type.codec->name, type.codec->name}));
    ASSERT_EQ(warnings.size(), packed ? 1u : 0u);
    if (!packed) continue;
    EXPECT_EQ(warnings[0].code, &codes::fallback_type);
    EXPECT_NE(warnings[0].where.find("blk.0.ffn_down.weight"), std::string::npos);
  }
}

TEST(FileTypes, EmbeddingAndHeadHaveTypesOfTheirOwn) {
  const FileType& q8 = file_type("q8_0");
  EXPECT_EQ(types(model(codec::f32),
                  {.quant = &q8, .embedding = &codec::f16, .output = &codec::bf16}),
            (std::vector<std::string_view>{"F16", "Q8_0", "F32", "F32", "BF16"}));
  EXPECT_EQ(types(model(codec::f16), {.quant = &q8, .leave_output = true}),
            (std::vector<std::string_view>{"Q8_0", "Q8_0", "F32", "F32", "F16"}));
  EXPECT_EQ(types(model(codec::f32), {.embedding = &codec::q4_0}),
            (std::vector<std::string_view>{"Q4_0", "F32", "F32", "F32", "F32"}));
}

TEST(FileTypes, PackingWhatIsPackedNeedsPermission) {
  const FileType& q4 = file_type("q4_0");
  const std::vector<Tensor> packed = {tensor("blk.0.attn_q.weight", {2, 64}, codec::q8_0)};
  EXPECT_EQ(refusal(packed, {.quant = &q4, .pure = true}), &codes::requantize);
  EXPECT_EQ(types(packed, {.quant = &q4, .pure = true, .allow_requantize = true}),
            (std::vector<std::string_view>{"Q4_0"}));
  // The same type is a copy, floats of packed values lose nothing more.
  EXPECT_EQ(types(packed, {.quant = &file_type("q8_0")}), (std::vector<std::string_view>{"Q8_0"}));
  EXPECT_EQ(types(packed, {.quant = &file_type("f16")}), (std::vector<std::string_view>{"F16"}));
}

TEST(FileTypes, WithoutARequestTypesStayWhereRuntimesKnowThem) {
  const std::vector<Tensor> tensors = {
      tensor("a.weight", {2, 32}, codec::bf16), tensor("b.weight", {2, 32}, codec::f64),
      tensor("c.weight", {2, 32}, codec::q5_1), tensor("d.weight", {2, 32}, codec::i32),
      tensor("e.weight", {2, 32}, codec::f8_e4m3)};
  EXPECT_EQ(types(tensors, {}),
            (std::vector<std::string_view>{"BF16", "F32", "Q5_1", "I32", "F32"}));
  EXPECT_EQ(types(tensors, {.precision = &codec::f16}),
            (std::vector<std::string_view>{"F16", "F16", "Q5_1", "I32", "F16"}));
}

TEST(FileTypes, VectorsOfAGgufKeepTheirFloat) {
  const FileType& q8 = file_type("q8_0");
  EXPECT_EQ(types(model(codec::f16), {.quant = &q8, .from_gguf = true}),
            (std::vector<std::string_view>{"Q8_0", "Q8_0", "F16", "F16", "Q8_0"}));
}

TEST(FileTypes, WhatCannotBeComputedWithIsCopiedOrRefused) {
  EXPECT_EQ(types({tensor("blk.0.ids.weight", {2, 32}, codec::i8)},
                  {.quant = &file_type("q8_0")}),
            (std::vector<std::string_view>{"I8"}));
  Codec closed = codec::q8_0;
  closed.decode = nullptr;
  EXPECT_EQ(refusal({tensor("blk.0.attn_q.weight", {2, 32}, closed)},
                    {.quant = &file_type("f16")}),
            &codes::type_not_decodable);
  EXPECT_EQ(refusal({tensor("token_embd.weight", {2, 32})}, {.embedding = &codec::f4}),
            &codes::type_not_encodable);
}

TEST(FileTypes, NormsRoutersAndPositionsAreNeverPacked) {
  for (const char* name : {"blk.0.attn_rel_b.weight", "blk.0.shortconv.conv.weight",
                           "blk.0.time_mix_w1.weight", "altup_proj.weight"})
    EXPECT_TRUE(stays_unpacked(name)) << name;
  EXPECT_FALSE(stays_unpacked("blk.0.attn_q.weight"));
  for (const char* name : {"blk.0.attn_q_norm.weight", "blk.0.ffn_gate_inp.weight",
                           "blk.0.ffn_gate_inp_shexp.weight", "position_embd.weight",
                           "token_types.weight", "blk.0.ssm_conv1d.weight", "blk.0.table"})
    EXPECT_TRUE(keeps_float(name, {4, 32})) << name;
  EXPECT_TRUE(keeps_float("blk.0.attn_q.weight", {32}));
  EXPECT_FALSE(keeps_float("blk.0.attn_q.weight", {4, 32}));
  EXPECT_FALSE(keeps_float("output.weight", {4, 32}));
}

}  // namespace
}  // namespace recast

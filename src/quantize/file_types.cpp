#include "quantize/file_types.h"

#include <fmt/format.h>

#include <algorithm>

#include "codec/codecs.h"

namespace recast {

namespace {

constexpr FileType table[] = {
    {"f32", &codec::f32, 0, true},    {"f16", &codec::f16, 1, true},
    {"bf16", &codec::bf16, 32, true}, {"q8_0", &codec::q8_0, 7, true},
    {"q4_0", &codec::q4_0, 2, false}, {"q4_1", &codec::q4_1, 3, false},
    {"q5_0", &codec::q5_0, 8, false}, {"q5_1", &codec::q5_1, 9, false},
};

// A row that the block does not divide. Source: the reference's table; every type of this table
// falls back to F16.
const Codec& fallback() { return codec::f16; }

bool is_float(const Codec& codec) { return codec.kind == CodecKind::floating; }

// Float types that a runtime of GGUF computes with.
bool is_runtime_float(const Codec& codec) {
  return &codec == &codec::f32 || &codec == &codec::f16 || &codec == &codec::bf16;
}

const Codec* wanted(const Tensor& tensor, const TypeRequest& request) {
  const Codec& own = tensor.codec();
  if (own.kind == CodecKind::integer) return &own;
  if (keeps_float(tensor.name, tensor.shape())) {
    if (request.from_gguf && is_float(own)) return &own;
    return &codec::f32;
  }
  if (tensor.name == "token_embd.weight" && request.embedding) return request.embedding;
  if (tensor.name == "output.weight" && request.output) return request.output;
  if (tensor.name == "output.weight" && request.leave_output) return &own;
  if (request.quant) return request.quant->codec;
  if (request.precision && is_float(own)) return request.precision;
  return is_float(own) && !is_runtime_float(own) ? &codec::f32 : &own;
}

}  // namespace

std::span<const FileType> all_file_types() { return table; }

const FileType& file_type(std::string_view name) {
  const Codec* codec = codec::find(name);
  if (codec)
    if (const FileType* type = file_type_of(*codec)) return *type;
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::tolower(c));
  });
  if (lower == "q8_1")
    fail(codes::type_not_encodable,
         {.where = "-Q q8_1",
          .found = "Q8_1, which runtimes make of activations and no file type",
          .fix = "use q8_0"});
  std::string names;
  for (const FileType& type : table) names += fmt::format("{}{}", names.empty() ? "" : " ", type.name);
  fail(codes::unknown_type,
       {.where = "-Q", .expected = "one of " + names, .found = printable(name)});
}

const FileType* file_type_of(const Codec& codec) {
  for (const FileType& type : table)
    if (type.codec == &codec) return &type;
  return nullptr;
}

const FileType* file_type_by_number(uint32_t number) {
  for (const FileType& type : table)
    if (type.number == number) return &type;
  return nullptr;
}

bool keeps_float(std::string_view name, const Shape& shape) {
  if (shape.size() < 2 || !name.ends_with("weight")) return true;
  static constexpr std::string_view kept[] = {"_norm.weight", "ffn_gate_inp.weight",
                                              "ffn_gate_inp_shexp.weight", "position_embd.weight",
                                              "token_types.weight", "ssm_conv1d.weight"};
  return std::any_of(std::begin(kept), std::end(kept),
                     [&](std::string_view k) { return name.ends_with(k); });
}

std::vector<const Codec*> decide_types(std::span<const Tensor> tensors, const TypeRequest& request,
                                       std::vector<Finding>& warnings) {
  if (request.quant && !request.quant->whole_recipe && !request.pure)
    fail(codes::recipe_missing, {.where = fmt::format("-Q {}", request.quant->name)});
  std::vector<const Codec*> types;
  for (const Tensor& tensor : tensors) {
    const Codec* type = wanted(tensor, request);
    const Codec& own = tensor.codec();
    if (!type->fits_row(row_length(tensor.shape()))) {
      warnings.push_back(Error(codes::fallback_type,
                               {.where = tensor_where(tensor.name),
                                .expected = fmt::format("a row that {} divides, for {}",
                                                        type->block_elements, type->name),
                                .found = fmt::format("{}; {} is used", row_length(tensor.shape()),
                                                     fallback().name)}));
      type = &fallback();
    }
    if (type != &own) {
      if (!own.decode)
        fail(codes::type_not_decodable, {.where = tensor_where(tensor.name),
                                         .found = std::string(own.name)});
      if (!type->encode)
        fail(codes::type_not_encodable, {.where = tensor_where(tensor.name),
                                         .found = std::string(type->name)});
      if (own.kind == CodecKind::block && type->kind == CodecKind::block &&
          !request.allow_requantize)
        fail(codes::requantize, {.where = tensor_where(tensor.name),
                                 .found = fmt::format("{} to {}", own.name, type->name)});
    }
    types.push_back(type);
  }
  return types;
}

}  // namespace recast

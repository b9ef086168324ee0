#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tensor/tensor.h"

// Which type each tensor of a GGUF gets. Source: facts of the reference converter and quantizer,
// which decide by tensor name.
namespace recast {

// A file type: what -Q names, what general.file_type says.
struct FileType {
  std::string_view name;      // "q8_0"
  const Codec* codec;         // of the matrices
  uint32_t number;            // general.file_type
  bool whole_recipe;          // false: the recipe needs types that are not written; --pure only
};
std::span<const FileType> all_file_types();
// By name in any spelling of R-027. Throws unknown_type with the nearest name; q8_1, which is no
// file type, is refused as unsupported.
const FileType& file_type(std::string_view name);
const FileType* file_type_of(const Codec& codec);
const FileType* file_type_by_number(uint32_t number);

struct TypeRequest {
  const FileType* quant = nullptr;      // of the matrices; null: as the source has them
  const Codec* precision = nullptr;     // of the other floats; null: as the source has them
  const Codec* embedding = nullptr;     // of token_embd.weight
  const Codec* output = nullptr;        // of output.weight
  bool leave_output = false;
  bool pure = false;
  bool allow_requantize = false;
  bool from_gguf = false;  // vectors keep their float type; else they become f32
};

// Throws recipe_missing, requantize, type_not_decodable, each before any work. Fallbacks of rows
// that do not fit the block are warnings.
std::vector<const Codec*> decide_types(std::span<const Tensor> tensors, const TypeRequest& request,
                                       std::vector<Finding>& warnings);

// Tensors that no file type quantizes: vectors, norms, routers, positions, what is no weight.
bool keeps_float(std::string_view gguf_name, const Shape& shape);

}  // namespace recast

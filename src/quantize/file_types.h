#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "quantize/patterns.h"
#include "quantize/recipe.h"
#include "tensor/tensor.h"

// Which type each tensor of a GGUF gets. Source: facts of the reference converter and quantizer,
// which decide by tensor name.
namespace recast {

// A file type: what -Q names, what general.file_type says.
struct FileType {
  std::string_view name;      // "q4_k_m"
  const Codec* codec;         // of the matrices that no rule of the recipe names
  uint32_t number;            // general.file_type
  std::string_view synonym = "";  // "q4_k": short for this recipe
};
std::span<const FileType> all_file_types();
// "auto": no type, but the wish that types be chosen by what they lose. No row of the table.
const FileType& automatic_file_type();
// By name in any spelling of R-027. Throws unknown_type with the nearest name; q8_1, which is no
// file type, is refused as unsupported.
const FileType& file_type(std::string_view name);
// The file type that bears the name of the codec, else the first whose matrices are of it; null
// when there is none.
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
  bool has_imatrix = false;
  std::span<TypePattern> patterns = {};  // the first that matches a name decides; only with a quant
  RecipeModel model = {};
  // Instead of a recipe: types of tensors that undecided() names; the others stay as they are.
  const std::map<std::string, const Codec*, std::less<>>* chosen = nullptr;
};

// Throws requantize, type_not_decodable, pattern_unused, each before any work. Fallbacks of rows
// that do not fit the block are warnings. Whether a type needs importance that is not there is for
// the caller to ask: needs_importance().
std::vector<const Codec*> decide_types(std::span<const Tensor> tensors, const TypeRequest& request,
                                       std::vector<Finding>& warnings);

// Indices of the tensors that only the recipe of a packed file type decides about: no option, no
// pattern does, and they are packed.
std::vector<size_t> undecided(std::span<const Tensor> tensors, const TypeRequest& request);

// Tensors that the reference converter writes as F32: vectors, norms, routers, positions, what is
// no weight. No file type packs them.
bool keeps_float(std::string_view gguf_name, const Shape& shape);
// Matrices beside those that the reference quantizer leaves in the type they have.
bool stays_unpacked(std::string_view gguf_name);
// Whether the reference refuses to pack this tensor into the type without an importance matrix.
bool needs_importance(std::string_view gguf_name, const Codec& codec, const FileType* quant);

}  // namespace recast

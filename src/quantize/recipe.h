#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "model/metadata.h"
#include "tensor/tensor.h"

// The mixture of types that a file type means: which matrix gets more bits than the others, by its
// part in the model. Source: measured decisions of the reference quantizer.
namespace recast {

struct FileType;

// What the rules ask of a model; 0 where its metadata say nothing.
struct RecipeModel {
  std::string architecture;  // its name in GGUF
  int64_t layers = 0, heads = 0, kv_heads = 0, experts = 0;
  // Query heads that share one head of keys and values; 0 without attention.
  int64_t gqa() const { return kv_heads > 0 ? heads / kv_heads : 0; }
};
// From the keys of a GGUF. Of head counts that differ by layer, the first layer's.
RecipeModel recipe_model(std::string_view architecture, const Metadata& metadata);
// Of a GGUF's own architecture.
RecipeModel recipe_model_of(const Metadata& gguf);

// What a matrix does, by its name.
enum class Kind {
  output, embedding, attn_v, attn_k, attn_q, attn_output, ffn_down, ffn_gate, ffn_up, other,
  any  // in a rule; no tensor is that
};
Kind kind_of(std::string_view gguf_name);

// Chooses type after type. Requires: tensors come in the order of recipe_order(), and only those
// that no earlier rule (an option, a pattern) takes: the others do not count.
class Recipe {
 public:
  // `names`: of all tensors of the model.
  Recipe(const FileType& type, const RecipeModel& model, bool has_imatrix,
         std::span<const Tensor> tensors);
  const Codec& next(std::string_view name, const Shape& shape);

 private:
  const FileType& type_;
  const RecipeModel& model_;
  bool has_imatrix_;
  bool tied_ = true;        // no output matrix: the embedding is one, too
  int64_t values_ = 0;      // tensors of Kind::attn_v
  std::map<Kind, int64_t> seen_;
};

// The order in which the reference quantizer goes through a model: tensors of no layer, then layer
// by layer, each by name.
bool recipe_order(std::string_view a, std::string_view b);
// The layer in "blk.7.attn_q.weight"; -1 where there is none.
int64_t layer_of(std::string_view gguf_name);

// The type of a row that `codec` does not fit.
const Codec& fallback_of(const Codec& codec, int64_t row);

}  // namespace recast

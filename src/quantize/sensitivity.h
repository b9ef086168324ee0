#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "quantize/recipe.h"

// How much the output of a model suffers from the relative error of one of its matrices.
namespace recast {

// One matrix, for the comparison among those of its kind.
struct MatrixPower {
  std::string_view gguf_name;
  double power = 0;  // sum of importance times squared weight: the power of what it computes
};

// For each matrix the factor of its squared relative error in the loss of the model: by kind, shared
// among the layers, and within a kind higher where the matrix computes more than the others do. A
// prior that knows no data but the importance; `layers` of the model.
std::vector<double> sensitivities(std::span<const MatrixPower> matrices, int64_t layers);

}  // namespace recast

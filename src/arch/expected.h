#pragma once

#include <string>
#include <vector>

#include "arch/architecture.h"

namespace recast {

// A tensor that a family needs in one convention, by its facts alone.
struct Expected {
  std::string name;              // native
  Shape shape;
  std::vector<RoleKey> roles;    // more than one where the convention fuses; never empty
  // The config key behind each extent of `shape`; Dim::none where it is a sum of several.
  std::vector<Dim> dims;
  // What weights of its sort lie around and how far from it: noise of that kind makes a model whose
  // activations stay near 1 through all layers.
  float mean = 0, deviation = 0;
};

// Every tensor that a model of these facts cannot be without, in the order of the family's table:
// model, layers, head. Optional ones and those that the facts exclude (the head of a tied model,
// biases that the config denies) are left out.
std::vector<Expected> expected_tensors(const ModelFacts& model, Convention convention);

}  // namespace recast

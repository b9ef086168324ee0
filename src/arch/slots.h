#pragma once

#include <string>
#include <utility>
#include <vector>

#include "arch/architecture.h"

// The tables of a family spelled out for one model: inside this room only.
namespace recast {

// One native tensor of a convention: the roles that it holds, in the order of its rows.
struct Slot {
  std::vector<const TensorRow*> rows;
  Part part;
  int layer;
};

// Native names of a convention in the order of the table: rows before the first layer row, the
// layers, the rest.
std::vector<std::pair<std::string, Slot>> native_slots(const ModelFacts& model,
                                                       Convention convention);

// Whether a model of these facts cannot be without such a tensor.
bool is_needed(Needed needed, const ModelFacts& model);

// Extents of a row's weight or bias in the canonical form.
Shape canonical_shape(const TensorRow& row, Part part, const ModelFacts& model);

}  // namespace recast

#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/checkpoint.h"

namespace recast {

// Tensors of a file whose names differ in numbers alone: the layers and experts of one sort.
struct NameSort {
  std::string pattern;                    // "model.layers.{}.mlp.experts.{}.up_proj.weight"
  uint64_t count = 0;
  const Tensor* first = nullptr;          // of the file; null in a census of a family
  std::array<int64_t, 2> highest{-1, -1}; // of the first two numbers
};

// A name with "{}" for each of its parts that is a number. `highest` grows to the first two.
std::string name_pattern(std::string_view name, std::array<int64_t, 2>& highest);
std::string name_pattern(std::string_view name);

// The sorts of a file in the order of their first tensors; a file of a hundred thousand tensors has
// a few dozen. More than `limit` of them are no model: the rest goes to `others`.
struct NameCensus {
  static constexpr size_t limit = 4096;
  std::vector<NameSort> sorts;
  uint64_t others = 0;
  uint64_t tensors = 0;
};
NameCensus take_census(const Checkpoint& source);

}  // namespace recast

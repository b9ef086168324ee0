#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace recast {

// One way to store a tensor: what it takes and what it loses, both not negative.
struct Choice {
  uint64_t cost = 0;  // bytes
  double loss = 0;
};
using Choices = std::vector<Choice>;

// For each item the index of one choice, so that the losses add up to little and the costs to at
// most `budget`; empty when no combination fits. The loss is that of the optimum over costs rounded
// up to the budget's `units`-th part, or below. Costs less than `least` are no answer, as far as
// that rounding can tell. Requires: every item has a choice. Same input, same answer; ties go to
// the smaller cost.
std::vector<size_t> knapsack(std::span<const Choices> items, uint64_t budget,
                             size_t units = size_t{1} << 16, uint64_t least = 0);

}  // namespace recast

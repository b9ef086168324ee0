#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "quantize/measure.h"

// The choice of a type for each matrix by what the types lose.
namespace recast {

// Three measures of what a choice loses, each a sum over the matrices of the squared relative
// weighted error times: a prior of how much the output suffers, the power of what the matrix
// computes, nothing.
struct Losses {
  double prior = 0, power = 0, relative = 0;

  Losses& operator+=(const Losses& other);
};

// One type that a matrix may have.
struct TypeOption {
  TypeError error;
  uint64_t bytes = 0;
  Losses losses;
};
using TypeOptions = std::vector<TypeOption>;

// A choice that is made already, such as a recipe's.
struct RatedChoice {
  std::string_view name;
  uint64_t bytes = 0;
  Losses losses;
};
// `chosen`: for each matrix the index of an option.
RatedChoice rate(std::span<const TypeOptions> matrices, std::span<const size_t> chosen);

// For each matrix the index of the option to take, in at most `budget` bytes together; empty when
// nothing fits. Loses little by the prior, and where it can no more than any of the recipes within
// the budget, by each of the three measures; by the relative errors last. `units`: see knapsack().
std::vector<size_t> choose_within(std::span<const TypeOptions> matrices,
                                  std::span<const RatedChoice> recipes, uint64_t budget,
                                  size_t units = size_t{1} << 16);

// The option of the fewest bytes of each matrix.
std::vector<size_t> smallest(std::span<const TypeOptions> matrices);

}  // namespace recast

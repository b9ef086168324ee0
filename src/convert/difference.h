#pragma once

#include <optional>
#include <vector>

#include "tensor/weighted_cast.h"

// How far the values of one tensor are from those of another.
namespace recast {

// Sums over pairs of values a (the reference) and b. Adding parts in a fixed order gives the same
// numbers whatever computed them.
struct Difference {
  int64_t weights = 0;    // pairs of finite values: all sums are over these
  int64_t nonfinite = 0;  // pairs that are left out because a is NaN or infinite
  int64_t lost = 0;       // pairs that are left out because only b is
  double error = 0, size = 0;                    // (a-b)^2, a^2
  double other = 0, product = 0;                 // b^2, a*b
  double largest = 0;                            // |a-b|
  double weighted_error = 0, weighted_size = 0;  // w*(a-b)^2, w*a^2

  void add(const Difference& part);

  // sqrt(error / size): 0 when all values are equal; empty when a is zero and b is not.
  std::optional<double> relative_rmse() const;
  std::optional<double> weighted_relative_rmse() const;
  // Of the two as vectors; empty when one of them is zero.
  std::optional<double> cosine() const;
  // 10 log10(size / error); empty when it would be infinite.
  std::optional<double> sqnr_db() const;
};

// Adds n pairs. A difference of at most `negligible` counts as none: what a narrow float rounds to
// zero is no wrong value. `weights` has n values or is null.
void add_pairs(const float* a, const float* b, const float* weights, int64_t n, double negligible,
               Difference& sum);

// Elements [begin, end) as f32. Requires: the codec decodes.
std::vector<float> decoded(const Value& value, int64_t begin, int64_t end);

// Two tensors of one shape that are to be compared; `importance` may be null.
struct Comparand {
  ValuePtr a, b;
  ImportanceValues importance;
};

// The sums of each comparand, in their order: the same numbers for any `threads`. Reads in pieces of
// about half a megabyte, as many at once as threads and `memory` (bytes) allow. Requires: the codecs
// decode.
std::vector<Difference> differences(const std::vector<Comparand>& comparands, int threads,
                                    uint64_t memory);

}  // namespace recast

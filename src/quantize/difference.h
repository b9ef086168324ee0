#pragma once

#include <functional>
#include <optional>
#include <stop_token>
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

// Elements [begin, end) as f32; `out` gets their number, and may be used again and again. Requires:
// the codec decodes.
void decode_elements(const Value& value, int64_t begin, int64_t end, std::vector<float>& out);

// Two tensors of one shape that are to be compared; `importance` may be null.
struct Comparand {
  ValuePtr a, b;
  ImportanceValues importance;
};

// How a comparison runs; nothing of it changes a number.
struct DifferenceRun {
  int threads = 1;
  uint64_t memory = UINT64_MAX;  // bytes
  std::stop_token stop = {};
  // Called by any thread with the comparand that was at work and how many of its bytes are done.
  std::function<void(size_t, uint64_t)> advance = {};
};

// The sums of each comparand, in their order. Reads in pieces of 32 Ki elements, as many at once as
// threads and memory allow. Throws `stopped`. Requires: the codecs decode.
std::vector<Difference> differences(const std::vector<Comparand>& comparands,
                                    const DifferenceRun& run);

}  // namespace recast

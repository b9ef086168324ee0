#pragma once

#include <string_view>
#include <vector>

#include "quantize/importance.h"
#include "tensor/lazy_ops.h"

// How much of a tensor each type would lose, found by packing some of its rows.
namespace recast {

// Relative errors of a type: 0 loses nothing, 1 is as bad as zeros.
struct TypeError {
  const Codec* codec = nullptr;
  double weighted = 0;  // sqrt(sum of importance (a - b)^2 / sum of importance a^2)
  double plain = 0;     // the same with all columns alike
  double power = 0;     // mean of importance a^2
  bool whole = false;   // found over the whole tensor
};

// Types that a choice is made among for a matrix whose own type is `own`, by rising bits a weight:
// those that fit its rows, the f16 or the own type last. Those that need importance are left out
// where there is none.
std::vector<const Codec*> candidate_types(std::string_view gguf_name, const Shape& shape,
                                          const Codec& own, bool has_importance);

// Rows of a value in memory, spread over it, as many of each matrix of a stack; the same for any
// number of threads. Of small values all rows.
ValuePtr sample_rows(const ValuePtr& value, int64_t most_weights);

// The error of storing `value` in `codec`, over all of its elements. Non-finite values count
// nothing.
TypeError type_error(const ValuePtr& value, const Codec& codec, const ImportanceValues& importance,
                     CastOptions options, int threads = 1);

}  // namespace recast

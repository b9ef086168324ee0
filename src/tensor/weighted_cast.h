#pragma once

#include <memory>
#include <vector>

#include "tensor/lazy_ops.h"

namespace recast {

// How much the error of each column of a matrix counts: a row of values that are finite and not
// negative; of a stack of matrices [n, rows, row] n such rows, one behind the other.
using ImportanceValues = std::shared_ptr<const std::vector<float>>;

// As cast(), into a codec that chooses its codes by importance (null: all columns count alike) or
// searches for the best; reads are whole rows. Where neither changes anything for the codec it is a
// cast. Requires: values for each column (of each matrix), and what cast() requires.
ValuePtr cast_weighted(ValuePtr value, const Codec& codec, ImportanceValues importance,
                       CastOptions options = {});

}  // namespace recast

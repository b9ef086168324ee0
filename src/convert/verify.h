#pragma once

#include "convert/execute.h"
#include "convert/plan.h"

namespace recast {

struct Verification {
  int64_t tensors = 0, rows = 0;  // compared
  double max_error = 0;           // largest relative RMSE of a tensor
};

// Opens the unfinished output with the ordinary reader of its format and compares: names, shapes,
// types and places with the plan; at `sample` some rows of every tensor, at `tensors` all rows, with
// the values of the source, through the roles of the architecture where names differ. Throws
// read_back, sample_differs, and what the reader throws.
Verification verify(const Plan& plan, const Output& output);

}  // namespace recast

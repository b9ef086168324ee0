#pragma once

#include <string>
#include <vector>

#include "convert/execute.h"
#include "convert/pairs.h"
#include "convert/plan.h"

namespace recast {

struct Verification {
  int64_t tensors = 0, rows = 0;  // compared
  double max_error = 0;           // largest relative RMSE of a tensor
  double relative_rmse = 0;       // over all weights; rows that were not read are taken to be alike

  // What was found of one tensor of the output.
  struct Entry {
    std::string name;
    RolePlace place;
    const Codec *from = nullptr, *to = nullptr;
    int64_t weights = 0;       // of the tensor
    int64_t rows = 0;          // compared
    double relative_rmse = 0;  // of these rows
    bool sampled = false;      // there are more rows
    bool coarse = false;       // the type keeps little of such values
  };
  std::vector<Entry> entries;
};

// Opens the unfinished output with the ordinary reader of its format and compares: names, shapes,
// types and places with the plan; at `sample` some rows of every tensor, at `tensors` all rows, with
// the values of the source, through the roles of the architecture where names differ. Throws
// read_back, sample_differs, and what the reader throws.
Verification verify(const Plan& plan, const Output& output);

}  // namespace recast

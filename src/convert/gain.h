#pragma once

#include "convert/plan.h"

namespace recast {

// What Effort::aggressive gains over balanced, on some rows of every packed tensor: relative RMSE of
// all of them together, weighted where there is an importance matrix.
struct Gain {
  int64_t tensors = 0;  // 0: another effort, or nothing is packed
  double balanced = 0, aggressive = 0;
};

// Reads and packs the rows twice. Requires: the sources are open.
Gain measure_gain(const Plan& plan);

}  // namespace recast

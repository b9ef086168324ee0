#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace recast {

// NaN to 0, infinities to the largest finite magnitude of the run.
inline void replace_nonfinite(float* values, int64_t n) {
  float largest = 0;
  for (int64_t i = 0; i < n; ++i)
    if (std::isfinite(values[i])) largest = std::max(largest, std::fabs(values[i]));
  for (int64_t i = 0; i < n; ++i)
    if (std::isnan(values[i]))
      values[i] = 0;
    else if (std::isinf(values[i]))
      values[i] = std::copysign(largest, values[i]);
}

}  // namespace recast

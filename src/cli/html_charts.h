#pragma once

#include <string>
#include <vector>

#include "cli/heat_map.h"

namespace recast::cli {

// The heat map as a picture with a tooltip a cell, and its numbers as the table `id`. Empty when
// there is nothing to show.
std::string heat_map_chart(const std::vector<MapEntry>& entries, const std::string& id);

// One model of several: how large, how wrong.
struct SizedError {
  std::string name, type;
  double bits_per_weight = 0;
  double error = 0;  // relative RMSE
};
// Bits per weight against error, which is on a logarithmic scale. Points are numbered, the table
// `id` names them: labels would collide. Empty for fewer than two points.
std::string size_error_chart(const std::vector<SizedError>& models, const std::string& id);

}  // namespace recast::cli

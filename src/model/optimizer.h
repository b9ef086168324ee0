#pragma once

#include <string_view>

#include "model/checkpoint.h"

namespace recast {

// Tensors of an optimizer stand behind those of the model, under names that begin so:
// `optimizer.exp_avg.PARAMETER`, or `optimizer.state.NUMBER.exp_avg` where only PyTorch's number of
// the parameter is known.
inline constexpr std::string_view optimizer_start = "optimizer.";
// In a model folder they have a file of their own.
inline constexpr std::string_view optimizer_file_name = "optimizer.safetensors";

inline bool is_optimizer_tensor(const Tensor& tensor) {
  return tensor.name.starts_with(optimizer_start);
}

}  // namespace recast

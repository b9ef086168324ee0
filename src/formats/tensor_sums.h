#pragma once

#include <string>
#include <string_view>

#include "model/checkpoint.h"

namespace recast {

// `recast.tensor_sums`: the XXH3-128 of each tensor's stored bytes, 32 hexadecimal digits each. In
// Checkpoint::metadata it is an array of strings in the order of Checkpoint::tensors, whatever the
// file's own form. Writers never keep one: they write new sums or none.
inline constexpr std::string_view tensor_sums_key = "recast.tensor_sums";
inline constexpr size_t tensor_sum_digits = 32;

// Throws tensor_sums_malformed unless there are none, or one of the right form for each tensor.
void check_tensor_sums(const Checkpoint& checkpoint, const std::string& file);

}  // namespace recast

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace recast {

// Extents, row-major: outermost first, as PyTorch and safetensors print them. Empty is a scalar.
using Shape = std::vector<int64_t>;

// Product of the extents, 1 for a scalar; empty when an extent is negative or the product leaves
// int64.
std::optional<int64_t> element_count(std::span<const int64_t> shape);
// Elements of one row: the last extent, 1 for a scalar.
int64_t row_length(std::span<const int64_t> shape);
// Rows: the product of all extents but the last, 1 for vectors and scalars.
int64_t row_count(std::span<const int64_t> shape);
// "[4096, 11008]".
std::string to_string(std::span<const int64_t> shape);

}  // namespace recast

#include "tensor/shape.h"

#include <fmt/format.h>

namespace recast {

std::optional<int64_t> element_count(std::span<const int64_t> shape) {
  int64_t n = 1;
  for (const int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(n, extent, &n)) return std::nullopt;
  return n;
}

int64_t row_length(std::span<const int64_t> shape) { return shape.empty() ? 1 : shape.back(); }

int64_t row_count(std::span<const int64_t> shape) {
  int64_t n = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) n *= shape[i];
  return n;
}

std::string to_string(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace recast

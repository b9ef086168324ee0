#pragma once

#include <cstdint>
#include <optional>

// Arithmetic on sizes that come from a file. A wrapped sum passes every later check, so each
// operation says whether it fits 64 bits.
namespace recast {

inline std::optional<uint64_t> checked_add(uint64_t a, uint64_t b) {
  uint64_t r;
  if (__builtin_add_overflow(a, b, &r)) return std::nullopt;
  return r;
}

inline std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) {
  uint64_t r;
  if (__builtin_mul_overflow(a, b, &r)) return std::nullopt;
  return r;
}

// The next multiple of `alignment` (a power of two) at or after `offset`.
inline std::optional<uint64_t> checked_align(uint64_t offset, uint64_t alignment) {
  const auto end = checked_add(offset, alignment - 1);
  if (!end) return std::nullopt;
  return *end & ~(alignment - 1);
}

// The same for values that the program made itself and that cannot wrap.
inline uint64_t align_up(uint64_t offset, uint64_t alignment) {
  return (offset + alignment - 1) & ~(alignment - 1);
}

}  // namespace recast

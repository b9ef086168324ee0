#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace recast {

enum class CodecKind {
  floating,  // one value an element: F64, F32, F16, BF16, F8_*
  integer,   // I8 ... U64, BOOL, complex and sub-byte plain types: copied, never computed with
  block,     // several values share a scale: Q4_0, Q8_0 ...
};

// Counts over a run of floats of what a narrower type or a quantizer would damage. `first` is the
// index of the first value of that sort, -1 when there is none.
struct FloatCensus {
  uint64_t nan = 0, infinite = 0;
  uint64_t overflow = 0;   // finite, but rounds beyond the largest finite value of the target
  uint64_t underflow = 0;  // not zero, but rounds to zero
  int64_t first_nonfinite = -1, first_overflow = -1;
  float first_overflow_value = 0;
  uint64_t mended = 0;     // blocks that the reference would write wrongly; see Codec::mended
};

// How hard an encoder looks for the codes of a block.
enum class Effort {
  fast,        // round to nearest under the scale that the extreme values ask for
  balanced,    // the search of the reference, its bytes
  aggressive,  // the least squared error that is found, never above balanced
};

// How values are packed: one row a type. Blocks lie along the last axis of a tensor, a row is a
// whole number of blocks. Functions never fail and take no thread: sizes are checked by the caller.
// `n` counts elements and is a multiple of block_elements. Pointers need no alignment. encode and
// decode give the same bytes on every CPU (round to nearest even, fixed order of additions, no
// contraction).
struct Codec {
  std::string_view name;   // "F32", "BF16", "Q8_0": GGUF's spelling for blocks, safetensors' for others
  CodecKind kind = CodecKind::floating;
  int64_t block_elements = 1;
  uint64_t block_bytes = 0;
  float max_finite = 0;      // largest finite value of a floating type (65504 for F16), 0 for others
  float min_positive = 0;    // smallest positive value (subnormals count), 0 for others

  // Values to and from f32. Null where a type is only copied. F64 rounds once to f32.
  void (*decode)(const std::byte* source, float* destination, int64_t n) = nullptr;
  void (*encode)(const float* source, std::byte* destination, int64_t n) = nullptr;
  // As encode, for whole rows, where the squared error of column c counts importance[c] times (row
  // values, not negative, the same for every row; row is a multiple of block_elements). Null where
  // importance changes nothing. Some types have this one only: they need importance.
  void (*encode_weighted)(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) = nullptr;
  // Effort::fast, as encode. Null where neither encode nor encode_weighted searches.
  void (*encode_fast)(const float* source, std::byte* destination, int64_t n) = nullptr;
  // Effort::aggressive, as encode_weighted; importance may be null (all columns count alike). In no
  // block is the sum of importance times squared error larger than after balanced. Null where
  // balanced cannot be improved.
  void (*encode_best)(const float* source, const float* importance, std::byte* destination,
                      int64_t rows, int64_t row) = nullptr;
  // How many blocks of the source the reference writes so that it does not read them back; balanced
  // writes these right, with other bytes. Null where there are none.
  int64_t (*mended)(const float* source, int64_t n) = nullptr;
  // Adds the NaN and infinities of n stored elements to the census, without decoding into memory;
  // null for integers. Block types look at their scales.
  void (*census)(const std::byte* source, int64_t n, int64_t first_index, FloatCensus&) = nullptr;

  uint64_t bytes(int64_t elements) const {
    return static_cast<uint64_t>(elements / block_elements) * block_bytes;
  }
  bool fits_row(int64_t row_elements) const { return row_elements % block_elements == 0; }
};

// Adds to the census what would happen to n values on the way into `target`. Vectorised.
void count_losses(const float* values, int64_t n, int64_t first_index, const Codec& target,
                  FloatCensus& census);

}  // namespace recast

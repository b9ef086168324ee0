#pragma once

#include <span>
#include <vector>

#include "tensor/tensor.h"

// Operations over lazy values. Each returns a new value and reads nothing. Inverse pairs cancel
// (permute twice, slices of a concatenation), so bytes that end where they began are copied from
// file to file.
namespace recast {

// Values that stand in a file at `offset`. Requires: the extent lies inside the file.
ValuePtr stored(std::shared_ptr<const File> file, uint64_t offset, Shape shape, const Codec& codec);

// Values held in memory; for small tensors that are computed (rope factors).
ValuePtr constant(std::vector<std::byte> bytes, Shape shape, const Codec& codec);
ValuePtr constant_f32(std::span<const float> values, Shape shape, const Codec& f32);

struct CastOptions {
  bool clamp_overflow = false;     // finite values beyond the target's range become its largest
  bool replace_nonfinite = false;  // NaN becomes 0, infinities the largest finite value of the row
  Effort effort = Effort::balanced;  // of packing into blocks
};
// Another packing. Decodes to f32 and encodes, in tiles that stay in cache; counts what is lost.
// Effort::aggressive is taken as balanced; see cast_weighted().
// Requires: both codecs have the function they need and rows are whole blocks.
ValuePtr cast(ValuePtr value, const Codec& codec, CastOptions options = {});

// The same values under another shape of equal element count. Requires: blocks stay whole.
ValuePtr reshape(ValuePtr value, Shape shape);

// Entries [begin, end) of the first axis.
ValuePtr slice(ValuePtr value, int64_t begin, int64_t end);

// Values one after another; `shape` has as many elements as all parts together. Requires: one codec.
ValuePtr concat(std::vector<ValuePtr> parts, Shape shape);

// Rows viewed as [outer, a, b, inner] in the order [outer, b, a, inner]; the shape is unchanged. A
// vector counts each element as a row. Rotary order of attention heads and per-head fused matrices
// are this. Requires: outer*a*b*inner is the number of rows.
ValuePtr swap_row_axes(ValuePtr value, int64_t outer, int64_t a, int64_t b, int64_t inner);

// A matrix, or a stack of them, with the last two axes exchanged. Requires: two or three axes, a
// codec of single elements.
ValuePtr transpose(ValuePtr value);

// A function on f32 values; the result is f32 (`f32` names that codec). Requires: it decodes.
ValuePtr map(ValuePtr value, void (*function)(float* values, int64_t n), const Codec& f32);

}  // namespace recast

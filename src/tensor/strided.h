#pragma once

#include "tensor/tensor.h"

// Values as other programs lay them out in memory. Both read what was asked for and no more than a
// window of 1 MiB beside it. A view that is turned is best read by 4 MiB.
namespace recast {

// Element [i, j, ...] of the result is element i*stride[0] + j*stride[1] + ... of `value`. Strides
// may be 0 and may overlap. Requires: as many strides as axes, none negative, every element inside,
// a codec of single elements.
ValuePtr strided(ValuePtr value, Shape shape, std::vector<int64_t> stride);

// Every `unit` bytes reversed: values of a big-endian file. Requires: `unit` divides an element.
ValuePtr byte_swapped(ValuePtr value, uint64_t unit);

}  // namespace recast

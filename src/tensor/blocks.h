#pragma once

#include <optional>
#include <vector>

#include "tensor/tensor.h"

// A tensor that stands in pieces: ranks of a training run each keep a box of it.
namespace recast {

// A box of a tensor: its first element along each axis and its extents.
struct Box {
  Shape start, extent;
};

// Where boxes fail to cover a shape exactly once.
struct CoverFault {
  bool overlap;  // covered more than once; else not at all
  Shape at;      // the first element, row-major, of which this is true
};
// Empty when every element of the shape lies in exactly one box. Boxes without elements count for
// nothing. Takes the memory of `cover_corners(boxes, shape)` lists of an index for each axis.
// Requires: boxes with as many axes as the shape, inside it.
std::optional<CoverFault> find_cover_fault(const Shape& shape, const std::vector<Box>& boxes);
// How many corners find_cover_fault looks at; the largest number when they cannot be counted.
uint64_t cover_corners(const Shape& shape, const std::vector<Box>& boxes);

struct Block {
  Shape start;
  ValuePtr value;  // its shape is the extent of the box
};
// The tensor whose boxes are the blocks. Reads of it ask each block for one run of its elements.
// Requires: at least one block, one codec of single elements, and no fault of the cover.
ValuePtr blocks(std::vector<Block> parts, Shape shape);

}  // namespace recast

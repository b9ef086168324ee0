#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "io/file.h"
#include "tensor/codec.h"
#include "tensor/shape.h"

namespace recast {

// Plain bytes of a file that hold values unchanged.
struct Extent {
  std::shared_ptr<const File> file;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// The values of a tensor, not read yet: an extent of a file, or an operation over other values.
// Immutable and thread safe; every operation streams, so a reader holds what it asked for plus
// scratch_bytes(). Elements count row-major.
class Value {
 public:
  Value(Shape shape, const Codec& codec);
  virtual ~Value() = default;

  const Shape& shape() const { return shape_; }
  const Codec& codec() const { return *codec_; }
  int64_t elements() const { return elements_; }
  uint64_t bytes() const { return codec_->bytes(elements_); }

  // Stored form of elements [begin, end) into `destination`, which has exactly their size. Both
  // ends are multiples of codec().block_elements. What a narrower type damages is added to `losses`.
  virtual void read(int64_t begin, int64_t end, std::span<std::byte> destination,
                    FloatCensus& losses) const = 0;

  // The same without a copy where the bytes stand in a file; else as read() into an own buffer.
  virtual Window fetch(int64_t begin, int64_t end, FloatCensus& losses) const;

  // Where the bytes stand, when they are one extent of a file.
  virtual std::optional<Extent> extent() const { return std::nullopt; }

  // Whether every stored byte is zero, known without reading one: a place of such values in a file
  // needs no bytes of its own.
  virtual bool is_zero() const { return false; }

  // Elements that a read should better ask for, where small reads cost much more: a matrix that is
  // turned visits every row of its input each time. 0: any number does.
  virtual int64_t good_read() const { return 0; }

  // Elements to fetch at once when all are visited in order: a multiple of `unit` of about
  // copy_piece_bytes, more where good_read() asks for it.
  int64_t piece_elements(int64_t unit) const;

  // Whether a read must begin and end with rows: where the bytes of a block depend on its column.
  virtual bool whole_rows() const { return false; }

  // Anonymous memory that a read or fetch of `n` elements may hold beside the destination.
  virtual uint64_t scratch_bytes(int64_t n) const = 0;

 private:
  Shape shape_;
  const Codec* codec_;
  int64_t elements_;
};
using ValuePtr = std::shared_ptr<const Value>;

// A named value. Cheap to copy.
struct Tensor {
  std::string name;
  ValuePtr value;

  const Shape& shape() const { return value->shape(); }
  const Codec& codec() const { return value->codec(); }
  int64_t elements() const { return value->elements(); }
  uint64_t bytes() const { return value->bytes(); }
};

}  // namespace recast

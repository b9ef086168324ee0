#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "io/output.h"
#include "tensor/tensor.h"

namespace recast {

struct Step;

// Bytes of a file that a worker makes and writes at once, from a multiple of as many on: such a write
// fills whole pages, and the page cache holds it as one. Measured with 1.2 GB on ext4, Linux 6.18, with
// the writing to disk, in seconds of system time: 0.14 from a multiple on, 0.18 from anywhere, 0.16
// with 64 KiB. Larger ones gain little and need larger runs of free memory.
inline constexpr uint64_t slab_bytes = uint64_t{128} << 10;

// How the elements of a step are cut into slabs.
struct SlabCut {
  int64_t unit = 1;   // elements; a slab is a multiple of it
  int64_t least = 0;  // elements below which a read costs much more
  uint64_t unit_bytes = 1;

  // Whole rows where they are no longer than a slab, or where the value is computed by rows: it never
  // sees half of one then.
  SlabCut(const Value& value, int64_t step_elements);

  // Elements that reach `bytes` or just pass them.
  int64_t reaching(uint64_t bytes) const;
  // Upper bound of what StepWriter holds for a step of `step_bytes`.
  uint64_t most_bytes(uint64_t step_bytes) const;
};

// Takes the bytes of one step in order and writes them in slabs that end at multiples of slab_bytes;
// what reaches beyond waits for the next. Not thread safe.
class StepWriter {
 public:
  StepWriter(Output& output, const Step& step, uint64_t most_bytes);

  // Bytes that fill the slab begun, at least 1.
  uint64_t missing() const { return slab_bytes - (offset_ + held_) % slab_bytes; }
  // A place for the next `bytes`, valid until push(). Requires: most_bytes suffices.
  std::span<std::byte> room(uint64_t bytes) { return {buffer_.get() + held_, bytes}; }
  // Takes over what was made in room(): writes the slabs that are whole.
  void push(uint64_t bytes);
  // Writes what is left.
  void finish();

 private:
  void write(uint64_t bytes);

  Output& output_;
  size_t file_;
  uint64_t offset_;    // in the file, of the first byte held
  uint64_t held_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
};

}  // namespace recast

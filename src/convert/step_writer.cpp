#include "convert/step_writer.h"

#include <algorithm>
#include <cstring>

#include "convert/plan.h"

namespace recast {

SlabCut::SlabCut(const Value& value, int64_t step_elements) {
  const Codec& codec = value.codec();
  const int64_t row = row_length(value.shape());
  const bool whole = row > 0 && codec.fits_row(row);
  const bool computed = !value.extent() && value.shape().size() > 1 && row <= step_elements;
  unit = whole && (codec.bytes(row) <= slab_bytes || computed) ? row : codec.block_elements;
  unit_bytes = codec.bytes(unit);
  least = value.good_read();
}

int64_t SlabCut::reaching(uint64_t bytes) const {
  const auto units = static_cast<int64_t>((bytes + unit_bytes - 1) / unit_bytes);
  return std::max(units, (least + unit - 1) / unit) * unit;
}

uint64_t SlabCut::most_bytes(uint64_t step_bytes) const {
  const uint64_t held = least > 0 ? slab_bytes : std::min(unit_bytes, slab_bytes);
  const auto made = static_cast<uint64_t>(reaching(slab_bytes) / unit) * unit_bytes;
  return std::min(step_bytes, held + made);
}

StepWriter::StepWriter(Output& output, const Step& step, uint64_t most_bytes)
    : output_(output),
      file_(step.file),
      offset_(step.offset),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(most_bytes)) {}

void StepWriter::push(uint64_t bytes) {
  held_ += bytes;
  const uint64_t end = (offset_ + held_) / slab_bytes * slab_bytes;
  if (end <= offset_) return;
  write(end - offset_);
}

void StepWriter::finish() {
  if (held_ > 0) write(held_);
}

void StepWriter::write(uint64_t bytes) {
  output_.write_at(file_, offset_, {buffer_.get(), bytes});
  std::memmove(buffer_.get(), buffer_.get() + bytes, held_ - bytes);
  held_ -= bytes;
  offset_ += bytes;
}

}  // namespace recast

#include "tensor/read_watch.h"

namespace recast {

namespace {
thread_local ReadWatch* current = nullptr;
}  // namespace

ReadWatch::ReadWatch() { current = this; }
ReadWatch::~ReadWatch() { current = nullptr; }

void ReadWatch::saw(const File& file, uint64_t offset, std::span<const std::byte> bytes) {
  ReadWatch* watch = current;
  if (!watch || !watch->in_order_) return;
  if (!watch->file_) {
    watch->file_ = &file;
    watch->begin_ = watch->end_ = offset;
  }
  watch->in_order_ = watch->file_ == &file && watch->end_ == offset;
  if (!watch->in_order_) return;
  watch->hash_.update(bytes);
  watch->end_ += bytes.size();
}

std::optional<Hash128> ReadWatch::of(const Extent& extent) const {
  if (!in_order_ || file_ != extent.file.get() || begin_ != extent.offset ||
      end_ != extent.offset + extent.bytes)
    return std::nullopt;
  return hash_.digest();
}

}  // namespace recast

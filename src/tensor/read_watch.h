#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "io/hash.h"
#include "tensor/tensor.h"

namespace recast {

// Hashes what values read from files on this thread while it lives. The sum of a source tensor then
// costs no second pass over memory: the bytes are in cache for the computation that follows. One at
// a time on a thread.
class ReadWatch {
 public:
  ReadWatch();
  ~ReadWatch();
  ReadWatch(const ReadWatch&) = delete;
  ReadWatch& operator=(const ReadWatch&) = delete;

  // The hash of `extent`, when what was read is all of it, once, from its first byte to its last.
  std::optional<Hash128> of(const Extent& extent) const;

  // Called by the value that reads: bytes of `file` from `offset`.
  static void saw(const File& file, uint64_t offset, std::span<const std::byte> bytes);

 private:
  const File* file_ = nullptr;
  uint64_t begin_ = 0, end_ = 0;
  bool in_order_ = true;
  Xxh3 hash_;
};

}  // namespace recast

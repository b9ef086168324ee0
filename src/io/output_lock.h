#pragma once

#include <string>

#include "io/system.h"

namespace recast {

// The right to write one output, held by an open file description: it ends with the process,
// however that ends, and works between processes and between two outputs of one process.
class OutputLock {
 public:
  OutputLock() = default;
  // Throws output_locked when another holds it. `folder` outlives the lock.
  static OutputLock take(int folder, std::string name, const std::string& shown);
  // Throws as take() would, and leaves no trace.
  static void check(int folder, const std::string& name, const std::string& shown);

  OutputLock(OutputLock&&) noexcept = default;
  OutputLock& operator=(OutputLock&&) noexcept = default;
  // Removes the lock file and lets go. False when the file could not be removed.
  bool release();

 private:
  int folder_ = -1;
  std::string name_;
  Descriptor fd_;
};

}  // namespace recast

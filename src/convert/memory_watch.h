#pragma once

#include <cstdint>
#include <memory>

namespace recast {

// Samples the anonymous resident memory of this process while it lives, a few times a second.
class MemoryWatch {
 public:
  MemoryWatch();
  ~MemoryWatch();
  uint64_t peak() const;  // bytes, so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace recast

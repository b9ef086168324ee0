#pragma once

#include "base/limits.h"

namespace recast {

// For tests: another value as long as this lives.
class ScopedLimit {
 public:
  ScopedLimit(Limit which, uint64_t value) : which_(which), before_(limit(which)) {
    set_limit(limit_row(which_).name, value);
  }
  ~ScopedLimit() { set_limit(limit_row(which_).name, before_); }
  ScopedLimit(const ScopedLimit&) = delete;
  ScopedLimit& operator=(const ScopedLimit&) = delete;

 private:
  Limit which_;
  uint64_t before_;
};

}  // namespace recast

#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "wire/json.h"

namespace recast::cli {

// Warnings of one run. The same one said twice counts once; many of one code become one message
// with a count and the first three places. Thread safe.
class WarningLog {
 public:
  // False when this very warning is known already.
  bool add(const Finding& warning);
  bool empty() const;

  // One finding a code, in order of first appearance.
  std::vector<Finding> grouped() const;
  // The same as message objects with "count" where there were several.
  json::Array documents() const;

 private:
  struct Group {
    Finding first;
    uint64_t count = 0;
    std::vector<std::string> places;  // at most three
  };
  Finding merged(const Group& group) const;

  mutable std::mutex mutex_;
  std::vector<Group> groups_;
  std::set<size_t> seen_;  // hashes, not texts: a file may bring a warning for each tensor
};

}  // namespace recast::cli

#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

namespace recast {

// Bytes that the steps in flight may hold together. One dispatcher takes, any thread gives back,
// so no worker ever waits for memory while it holds a loop of another step.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t limit_bytes) : limit_(limit_bytes) {}

  // Waits until `bytes` fit beside what is taken; a request above the limit waits until nothing
  // else is taken and then runs alone.
  void take(uint64_t bytes);
  void give(uint64_t bytes);
  uint64_t limit() const { return limit_; }
  uint64_t peak() const;  // most bytes taken at one moment so far

 private:
  const uint64_t limit_;
  uint64_t taken_ = 0;
  uint64_t peak_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
};

// A quarter of what there is: physical memory, the limit of the cgroups, RLIMIT_AS or RLIMIT_DATA,
// whichever is least; in bytes.
uint64_t default_memory_limit();

// The least limit of the memory cgroups (version 1 and 2) that `list`, a file like
// /proc/self/cgroup, names, and of those above them, below `mount` (/sys/fs/cgroup). UINT64_MAX
// where there is none.
uint64_t cgroup_memory_limit(const std::string& list, const std::string& mount);

// Anonymous resident memory of this process now (RssAnon of /proc/self/status), 0 when unknown.
uint64_t anonymous_memory();

}  // namespace recast

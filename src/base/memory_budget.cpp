#include "base/memory_budget.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace recast {

void MemoryBudget::take(uint64_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return taken_ == 0 || (bytes <= limit_ && taken_ <= limit_ - bytes); });
  taken_ += bytes;
  peak_ = std::max(peak_, taken_);
}

void MemoryBudget::give(uint64_t bytes) {
  {
    std::lock_guard lock(mutex_);
    taken_ -= bytes;
  }
  changed_.notify_all();
}

uint64_t MemoryBudget::peak() const {
  std::lock_guard lock(mutex_);
  return peak_;
}

namespace {

// The number in a one-value file of the cgroup tree, or `none` when it says "max" or is absent.
uint64_t cgroup_value(const char* path, uint64_t none) {
  std::ifstream in(path);
  uint64_t value = 0;
  return in >> value ? value : none;
}

}  // namespace

uint64_t default_memory_limit() {
  const uint64_t physical = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                            static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
  uint64_t limit = physical;
  limit = std::min(limit, cgroup_value("/sys/fs/cgroup/memory.max", physical));
  limit = std::min(limit,
                   cgroup_value("/sys/fs/cgroup/memory/memory.limit_in_bytes", physical));
  return limit / 4;
}

uint64_t anonymous_memory() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  return 0;
}

}  // namespace recast

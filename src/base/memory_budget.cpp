#include "base/memory_budget.h"

#include <sys/resource.h>
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

// The number in a one-value file, UINT64_MAX when it says "max" or is absent.
uint64_t value_in(const std::string& path) {
  std::ifstream in(path);
  uint64_t value = 0;
  return in >> value ? value : UINT64_MAX;
}

uint64_t resource_limit(int resource) {
  rlimit limit;
  return ::getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur
                                                                               : UINT64_MAX;
}

}  // namespace

uint64_t cgroup_memory_limit(const std::string& list, const std::string& mount) {
  uint64_t least = UINT64_MAX;
  std::ifstream in(list);
  for (std::string line; std::getline(in, line);) {  // ID:CONTROLLERS:PATH, version 2 without any
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    std::string controllers(1, ',');
    controllers.append(line, first + 1, second - first - 1).push_back(',');
    const bool two = controllers == ",,";
    if (!two && controllers.find(",memory,") == controllers.npos) continue;
    std::string path = line.substr(second + 1);
    while (path.ends_with('/')) path.pop_back();
    const std::string base = mount + (two ? "" : "/memory");
    const std::string file = two ? "/memory.max" : "/memory.limit_in_bytes";
    // Inside a container the path may be that of the host: what is not there says nothing.
    for (;;) {
      least = std::min(least, value_in(base + path + file));
      if (path.empty()) break;
      const size_t slash = path.rfind('/');
      path.resize(slash == path.npos ? 0 : slash);
    }
  }
  return least;
}

uint64_t default_memory_limit() {
  const uint64_t physical = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                            static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
  return std::min({physical, cgroup_memory_limit("/proc/self/cgroup", "/sys/fs/cgroup"),
                   resource_limit(RLIMIT_AS), resource_limit(RLIMIT_DATA)}) /
         4;
}

uint64_t anonymous_memory() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  return 0;
}

}  // namespace recast

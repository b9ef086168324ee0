#include "io/mapping_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

namespace recast {

namespace {

// Windows are short-lived: a few per thread exist at a time.
constexpr int entry_count = 1024;

struct Entry {
  std::atomic<bool> taken{false};
  std::atomic<uintptr_t> base{0};  // 0: the entry is not in force
  std::atomic<uintptr_t> length{0};
  std::atomic<bool> cut{false};
};
// The signal handler reads these; lock-free atomics are what it may touch.
Entry entries[entry_count];
static_assert(std::atomic<uintptr_t>::is_always_lock_free);
std::atomic<int> next_entry{0};
uintptr_t page_bytes = 4096;
struct sigaction previous_action;

// Puts zero pages over the mapping from the fault to its end. False: no guarded mapping.
bool cover(uintptr_t address) {
  for (Entry& entry : entries) {
    const uintptr_t base = entry.base.load(std::memory_order_acquire);
    const uintptr_t length = entry.length.load(std::memory_order_relaxed);
    if (base == 0 || address < base || address - base >= length) continue;
    const uintptr_t from = address & ~(page_bytes - 1);
    entry.cut.store(true);
    return ::mmap(reinterpret_cast<void*>(from), base + length - from, PROT_READ,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  }
  return false;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const bool covered = cover(reinterpret_cast<uintptr_t>(info->si_addr));
  errno = saved;
  if (covered) return;
  if (previous_action.sa_flags & SA_SIGINFO) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  } else {
    // The faulting read runs again and ends the process as it would have without us.
    ::signal(SIGBUS, SIG_DFL);
  }
}

void install() {
  page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous_action);
}

}  // namespace

int guard_mapping(void* base, size_t length) {
  static std::once_flag once;
  std::call_once(once, install);
  const int start = next_entry.fetch_add(1, std::memory_order_relaxed) & (entry_count - 1);
  for (int i = 0; i < entry_count; ++i) {
    const int index = (start + i) & (entry_count - 1);
    Entry& entry = entries[index];
    if (entry.taken.load(std::memory_order_relaxed) || entry.taken.exchange(true)) continue;
    entry.cut.store(false);
    entry.length.store(length, std::memory_order_relaxed);
    entry.base.store(reinterpret_cast<uintptr_t>(base), std::memory_order_release);
    return index;
  }
  return -1;
}

bool mapping_cut(int entry) { return entry >= 0 && entries[entry].cut.load(); }

void release_mapping(int entry) {
  if (entry < 0) return;
  entries[entry].base.store(0, std::memory_order_release);
  entries[entry].taken.store(false, std::memory_order_release);
}

}  // namespace recast

#include "convert/memory_watch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/memory_budget.h"

namespace recast {

struct MemoryWatch::State {
  std::atomic<uint64_t> peak{anonymous_memory()};
  std::mutex mutex;
  std::condition_variable_any wake;
  std::jthread thread;

  void sample() {
    const uint64_t now = anonymous_memory();
    uint64_t seen = peak.load();
    while (now > seen && !peak.compare_exchange_weak(seen, now)) {
    }
  }
};

MemoryWatch::MemoryWatch() : state_(std::make_unique<State>()) {
  const auto watch = [state = state_.get()](std::stop_token stop) {
    std::unique_lock lock(state->mutex);
    while (!stop.stop_requested()) {
      try {
        state->sample();
      } catch (const std::exception&) {  // no memory to look: the next time, then
      }
      state->wake.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
    }
  };
  try {
    state_->thread = std::jthread(watch);
  } catch (const std::system_error&) {  // no thread to be had: peak() still samples when asked
  }
}

MemoryWatch::~MemoryWatch() = default;

uint64_t MemoryWatch::peak() const {
  state_->sample();
  return state_->peak;
}

}  // namespace recast

#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "base/memory_budget.h"

namespace recast {

// Number of workers to use when the caller says 0: every core of this process.
int default_threads();

// Calls body(i) for i in [0, count) on at most `threads` threads, in no fixed order. The first
// exception is rethrown here after the running calls ended; no new call starts after it.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& body);

// Runs body(i) for i in [0, count), started in order, each once `cost(i)` bytes fit the budget.
// The calling thread is the dispatcher: it alone waits for memory. Stops admitting when `stop` is
// requested; calls already running end. Rethrows the first exception. Returns how many ran.
int64_t parallel_admit(int64_t count, int threads, MemoryBudget& budget, std::stop_token stop,
                       const std::function<uint64_t(int64_t)>& cost,
                       const std::function<void(int64_t)>& body);

}  // namespace recast

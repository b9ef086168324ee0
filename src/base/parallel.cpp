#include "base/parallel.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <semaphore>

namespace recast {

namespace tbb = oneapi::tbb;

int default_threads() { return std::max(1, tbb::info::default_concurrency()); }

void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& body) {
  if (threads <= 1 || count <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                    static_cast<size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] {
    tbb::parallel_for(tbb::blocked_range<int64_t>(0, count, 1),
                      [&](const tbb::blocked_range<int64_t>& range) {
                        for (int64_t i = range.begin(); i < range.end(); ++i) body(i);
                      },
                      tbb::simple_partitioner());
  });
}

int64_t parallel_admit(int64_t count, int threads, MemoryBudget& budget, std::stop_token stop,
                       const std::function<uint64_t(int64_t)>& cost,
                       const std::function<void(int64_t)>& body) {
  if (threads <= 1) {
    int64_t done = 0;
    for (; done < count && !stop.stop_requested(); ++done) {
      const uint64_t bytes = cost(done);
      budget.take(bytes);
      try {
        body(done);
      } catch (...) {
        budget.give(bytes);
        throw;
      }
      budget.give(bytes);
    }
    return done;
  }
  // oneTBB starts one worker less than there are cores unless it is told that more may run.
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                    static_cast<size_t>(threads) + 1);
  // No slot is reserved for the dispatcher: it sleeps in `take`, it does not compute.
  tbb::task_arena arena(threads, 0);
  tbb::task_group group;
  std::atomic<bool> failed{false};
  std::exception_ptr first;
  std::mutex first_mutex;
  std::counting_semaphore<> slots(threads);  // bounds started but unfinished steps
  int64_t started = 0;
  for (; started < count && !failed && !stop.stop_requested(); ++started) {
    const uint64_t bytes = cost(started);
    slots.acquire();
    if (failed) {
      slots.release();
      break;
    }
    budget.take(bytes);
    arena.enqueue(group.defer([&, i = started, bytes] {
      try {
        if (!failed) body(i);
      } catch (...) {
        std::lock_guard lock(first_mutex);
        if (!first) first = std::current_exception();
        failed = true;
      }
      budget.give(bytes);
      slots.release();
    }));
  }
  arena.execute([&] { group.wait(); });
  if (first) std::rethrow_exception(first);
  return started;
}

}  // namespace recast

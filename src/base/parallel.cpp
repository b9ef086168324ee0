#include "base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <semaphore>
#include <system_error>
#include <thread>
#include <vector>

// Plain threads over one counter: a step takes milliseconds, so a scheduler has nothing to gain here,
// and a race detector sees every hand-over, which it cannot inside an uninstrumented library.
namespace recast {

namespace {

// Keeps the first exception of several threads and tells the others to stop.
class FirstFailure {
 public:
  bool happened() const { return happened_; }
  void catch_current() {
    std::lock_guard lock(mutex_);
    if (!first_) first_ = std::current_exception();
    happened_ = true;
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::atomic<bool> happened_{false};
  std::mutex mutex_;
  std::exception_ptr first_;
};

// What a step took from the budget, given back whatever way it ends.
class Taken {
 public:
  Taken(MemoryBudget& budget, uint64_t bytes) : budget_(budget), bytes_(bytes) {}
  ~Taken() { budget_.give(bytes_); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;

 private:
  MemoryBudget& budget_;
  uint64_t bytes_;
};

struct Admitted {
  int64_t index;
  uint64_t bytes;
};

// Admitted steps on their way to the workers. One thread puts, any takes.
class Queue {
 public:
  void put(Admitted step) {
    {
      std::lock_guard lock(mutex_);
      steps_.push_back(step);
    }
    ready_.notify_one();
  }
  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
  }
  // False when the queue is closed and empty.
  bool take(Admitted& step) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return closed_ || next_ < steps_.size(); });
    if (next_ == steps_.size()) return false;
    step = steps_[next_++];
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Admitted> steps_;
  size_t next_ = 0;
  bool closed_ = false;
};

// Up to `wanted` threads that run `work`, joined at the end. Fewer, or none, where the system has no
// more to give (ulimit -u, pids of a cgroup): the work gets done all the same.
class Workers {
 public:
  Workers(int64_t wanted, const std::function<void()>& work) {
    try {
      for (int64_t i = 0; i < wanted; ++i) threads_.emplace_back(work);
    } catch (const std::system_error&) {
    }
  }
  bool none() const { return threads_.empty(); }

 private:
  std::vector<std::jthread> threads_;
};

// Lets the workers end whatever way the dispatcher does.
class Closing {
 public:
  explicit Closing(Queue& queue) : queue_(queue) {}
  ~Closing() { queue_.close(); }
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;

 private:
  Queue& queue_;
};

int64_t admit_serially(int64_t count, MemoryBudget& budget, const std::stop_token& stop,
                       const std::function<uint64_t(int64_t)>& cost,
                       const std::function<void(int64_t)>& body) {
  int64_t done = 0;
  for (; done < count && !stop.stop_requested(); ++done) {
    const uint64_t bytes = cost(done);
    budget.take(bytes);
    const Taken taken(budget, bytes);
    body(done);
  }
  return done;
}

}  // namespace

int default_threads() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1u, std::thread::hardware_concurrency());
}

void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& body) {
  if (threads <= 1 || count <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::atomic<int64_t> next{0};
  FirstFailure failure;
  const auto work = [&] {
    for (int64_t i; !failure.happened() && (i = next++) < count;) {
      try {
        body(i);
      } catch (...) {
        failure.catch_current();
      }
    }
  };
  {
    const Workers workers(std::min<int64_t>(threads, count) - 1, work);
    work();
  }
  failure.rethrow();
}

int64_t parallel_admit(int64_t count, int threads, MemoryBudget& budget, std::stop_token stop,
                       const std::function<uint64_t(int64_t)>& cost,
                       const std::function<void(int64_t)>& body) {
  if (threads <= 1) return admit_serially(count, budget, stop, cost, body);
  Queue queue;
  FirstFailure failure;
  std::counting_semaphore<> idle(threads);  // a step waits in memory only when a worker is free
  const auto work = [&] {
    for (Admitted step; queue.take(step);) {
      {
        const Taken taken(budget, step.bytes);
        try {
          if (!failure.happened()) body(step.index);
        } catch (...) {
          failure.catch_current();
        }
      }
      idle.release();
    }
  };
  int64_t started = 0;
  {
    const Workers workers(std::min<int64_t>(threads, count), work);
    const Closing closing(queue);
    if (workers.none()) return admit_serially(count, budget, stop, cost, body);
    while (started < count && !failure.happened() && !stop.stop_requested()) {
      idle.acquire();
      if (failure.happened() || stop.stop_requested()) break;
      const uint64_t bytes = cost(started);
      budget.take(bytes);
      queue.put({started++, bytes});
    }
  }
  failure.rethrow();
  return started;
}

}  // namespace recast

#include "base/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"

namespace recast {
namespace {

constexpr int thread_counts[] = {1, 2, 8};

TEST(Parallel, ForCallsEachIndexOnce) {
  for (const int threads : thread_counts) {
    std::vector<std::atomic<int>> calls(1000);
    parallel_for(1000, threads, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
  }
  parallel_for(0, 8, [](int64_t) { FAIL(); });
}

TEST(Parallel, ForNeverRunsMoreThanItsThreads) {
  for (const int threads : thread_counts) {
    std::atomic<int> running{0}, most{0};
    parallel_for(500, threads, [&](int64_t) {
      const int now = ++running;
      int seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      --running;
    });
    EXPECT_LE(most, threads);
  }
}

TEST(Parallel, ForRethrowsAndCallsNoMore) {
  for (const int threads : thread_counts) {
    std::atomic<int64_t> calls{0};
    try {
      parallel_for(1'000'000, threads, [&](int64_t i) {
        ++calls;
        if (i == 0) fail(codes::bug, {.found = "first"});
      });
      FAIL() << threads;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, &codes::bug);
      EXPECT_EQ(error.found, "first");
    }
    EXPECT_LT(calls, 1'000'000);
  }
}

TEST(Parallel, AdmitRunsEveryStepAndAsksForCostsInOrder) {
  for (const int threads : thread_counts) {
    MemoryBudget budget(100);
    std::vector<int64_t> asked;
    std::vector<std::atomic<int>> calls(200);
    const int64_t ran = parallel_admit(
        200, threads, budget, {},
        [&](int64_t i) {
          asked.push_back(i);  // by the dispatcher alone
          return uint64_t{10};
        },
        [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    EXPECT_EQ(ran, 200);
    EXPECT_TRUE(std::is_sorted(asked.begin(), asked.end()));
    EXPECT_EQ(asked.size(), 200u);
    EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
  }
}

TEST(Parallel, AdmitNeverExceedsTheBudgetAndRunsALargerStepAlone) {
  const auto cost = [](int64_t i) { return i % 50 == 49 ? uint64_t{250} : uint64_t(i % 7 * 10); };
  for (const int threads : thread_counts) {
    MemoryBudget budget(100);
    std::mutex mutex;
    uint64_t held = 0;
    bool wrong = false;
    parallel_admit(400, threads, budget, {}, cost, [&](int64_t i) {
      {
        std::lock_guard lock(mutex);
        held += cost(i);
        wrong = wrong || (cost(i) > 100 ? held != cost(i) : held > 100);
      }
      std::lock_guard lock(mutex);
      held -= cost(i);
    });
    EXPECT_FALSE(wrong);
    EXPECT_EQ(held, 0u);
    EXPECT_EQ(budget.peak(), 250u);
  }
}

TEST(Parallel, AdmitRethrowsTheFirstExceptionAndGivesTheBudgetBack) {
  for (const int threads : thread_counts) {
    MemoryBudget budget(30);
    std::atomic<int> calls{0};
    try {
      parallel_admit(100'000, threads, budget, {}, [](int64_t) { return uint64_t{10}; },
                     [&](int64_t i) {
                       ++calls;
                       if (i == 5) fail(codes::bug, {.found = std::to_string(i)});
                     });
      FAIL() << threads;
    } catch (const Error& error) {
      EXPECT_EQ(error.found, "5");
    }
    EXPECT_GE(calls, 1);
    EXPECT_LT(calls, 100'000);
    // All of the budget is free again: a step that needs more than all of it finds nothing taken.
    EXPECT_EQ(parallel_admit(1, threads, budget, {}, [](int64_t) { return uint64_t{31}; },
                             [](int64_t) {}),
              1);
    EXPECT_EQ(budget.peak(), 31u);
  }
}

TEST(Parallel, AdmitStopsAdmittingWhenAsked) {
  for (const int threads : thread_counts) {
    MemoryBudget budget(1000);
    std::stop_source stop;
    std::atomic<int64_t> calls{0};
    const int64_t ran = parallel_admit(100'000, threads, budget, stop.get_token(),
                                       [](int64_t) { return uint64_t{1}; },
                                       [&](int64_t i) {
                                         ++calls;
                                         if (i == 10) stop.request_stop();
                                       });
    EXPECT_EQ(ran, calls);  // what was started has ended
    EXPECT_GE(ran, 11);
    EXPECT_LT(ran, 100'000);
    EXPECT_EQ(parallel_admit(10, threads, budget, stop.get_token(),
                             [](int64_t) { return uint64_t{1}; }, [](int64_t) { FAIL(); }),
              0);
  }
}

TEST(Parallel, AdmittedStepsMayHoldLoops) {
  MemoryBudget budget(10);
  std::atomic<int> sum{0};
  parallel_admit(20, 4, budget, {}, [](int64_t) { return uint64_t{5}; },
                 [&](int64_t) { parallel_for(10, 4, [&](int64_t) { ++sum; }); });
  EXPECT_EQ(sum, 200);
}

TEST(Parallel, ThereIsAtLeastOneThread) { EXPECT_GE(default_threads(), 1); }

}  // namespace
}  // namespace recast

#include "base/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace recast {
namespace {

// Takes `second` while `first` of 100 is held, on another thread: says whether it had to wait until
// the first was given back.
bool waits(uint64_t first, uint64_t second) {
  MemoryBudget budget(100);
  budget.take(first);
  std::atomic<bool> given{false}, before{false};
  std::thread other([&] {
    budget.take(second);
    before = !given;
    budget.give(second);
  });
  given = true;
  budget.give(first);
  other.join();
  return !before && budget.peak() == std::max(first, second);
}

TEST(MemoryBudget, WaitsUntilTheBytesFit) {
  EXPECT_TRUE(waits(60, 41));
  EXPECT_TRUE(waits(100, 1));
}

TEST(MemoryBudget, ALargerRequestWaitsUntilNothingIsTaken) {
  EXPECT_TRUE(waits(1, 101));
  EXPECT_TRUE(waits(150, 1));
}

TEST(MemoryBudget, WhatFitsIsTakenAtOnce) {
  MemoryBudget budget(100);
  budget.take(60);
  budget.take(40);
  budget.take(0);
  EXPECT_EQ(budget.peak(), 100u);
  budget.give(100);
  budget.take(500);
  EXPECT_EQ(budget.peak(), 500u);
  EXPECT_EQ(budget.limit(), 100u);
}

TEST(MemoryBudget, ManyThreadsNeverHoldMoreThanTheLimit) {
  MemoryBudget budget(64);
  std::vector<std::thread> threads;
  for (uint64_t t = 1; t <= 8; ++t)
    threads.emplace_back([&budget, t] {
      for (int i = 0; i < 200; ++i) {
        budget.take(t * 8);
        budget.give(t * 8);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(budget.peak(), 64u);
  EXPECT_GE(budget.peak(), 64u - 7u * 8u);
}

TEST(MemoryBudget, FindsTheLeastLimitOfTheCgroups) {
  namespace fs = std::filesystem;
  const fs::path root = fs::path(::testing::TempDir()) / "recast-cgroups";
  const auto put = [&](const fs::path& name, const std::string& text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  };
  const auto limit = [&] { return cgroup_memory_limit(root / "list", root / "fs"); };
  fs::remove_all(root);
  EXPECT_EQ(limit(), UINT64_MAX);
  put("list", "5:cpu:/a\n4:memory:/a/b\n0::/c/d\n");
  put("fs/a/memory.limit_in_bytes", "1");  // of another controller's tree
  EXPECT_EQ(limit(), UINT64_MAX);
  put("fs/c/d/memory.max", "max\n");
  put("fs/c/memory.max", "5000\n");
  EXPECT_EQ(limit(), 5000u);
  put("fs/memory/a/b/memory.limit_in_bytes", "4000\n");
  EXPECT_EQ(limit(), 4000u);
  put("fs/memory/memory.limit_in_bytes", "3000\n");
  EXPECT_EQ(limit(), 3000u);
  fs::remove_all(root);
}

TEST(MemoryBudget, KnowsTheMachineAndTheProcess) {
  EXPECT_GT(default_memory_limit(), uint64_t{1} << 20);
  const uint64_t before = anonymous_memory();
  std::vector<char> held(64 << 20);
  std::memset(held.data(), 1, held.size());
  EXPECT_GT(held[held.size() - 1], 0);
  EXPECT_GT(anonymous_memory(), before + (32 << 20));
}

}  // namespace
}  // namespace recast

#include "io/open_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "io/file.h"
#include "io/io_testing.h"

namespace recast {
namespace {

namespace fs = std::filesystem;
using io_testing::Scratch;

size_t open_descriptors() {
  size_t n = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

std::vector<std::shared_ptr<const File>> open_many(const Scratch& scratch, int count) {
  std::vector<std::shared_ptr<const File>> files;
  for (int i = 0; i < count; ++i)
    files.push_back(open_file(scratch.write(fmt::format("f{}", i), fmt::format("file {:4}", i))));
  return files;
}

std::string text_of(const File& file) {
  std::string text(file.size(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

TEST(OpenFiles, HundredFilesNeedFewDescriptors) {
  const Scratch scratch;
  const size_t before = open_descriptors();
  {
    const auto files = open_many(scratch, 100);
    EXPECT_LE(open_descriptors(), before + 24);
    for (int round = 0; round < 2; ++round)
      for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(text_of(*files[static_cast<size_t>(i)]), fmt::format("file {:4}", i));
        files[static_cast<size_t>(i)]->check_unchanged();
      }
    EXPECT_LE(open_descriptors(), before + 24);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(OpenFiles, ThreadsReadWhatOthersHaveClosed) {
  const Scratch scratch;
  const auto files = open_many(scratch, 60);
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 600; ++i) {
        const auto at = static_cast<size_t>((i * 7 + t * 11) % 60);
        wrong += text_of(*files[at]) != fmt::format("file {:4}", at);
      }
    });
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST(OpenFiles, AnotherFileUnderTheNameIsAConflict) {
  const Scratch scratch;
  const auto first = open_file(scratch.write("first", "first"));
  const auto gone = open_file(scratch.write("gone", "gone"));
  fs::remove(scratch / "gone");
  const auto files = open_many(scratch, 40);  // `first` is closed now; `gone` has no name to go by
  EXPECT_EQ(text_of(*gone), "gone");
  scratch.write("other", "other");
  fs::rename(scratch / "other", scratch / "first");
  EXPECT_CODE(text_of(*first), input_changed);
  fs::remove(scratch / "first");
  EXPECT_CODE(text_of(*first), input_changed);
}

}  // namespace
}  // namespace recast

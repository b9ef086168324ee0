#include "io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "io/file_range.h"
#include "io/io_testing.h"

namespace recast {
namespace {

using io_testing::Call;
using io_testing::code_of;
using io_testing::Fault;
using io_testing::Scratch;

std::string as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(File, ReadsTheSameMappedAndStreamed) {
  const Scratch scratch;
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += static_cast<char>(i * 7 + (i >> 9));
  const std::string path = scratch.write("f", text);
  for (const ReadMode mode : {ReadMode::mapped, ReadMode::stream}) {
    const auto file = open_file(path, mode);
    EXPECT_EQ(file->size(), text.size());
    EXPECT_EQ(file->name(), path);
    for (const size_t offset : {0, 1, 4095, 4096, 100'001})
      for (const size_t n : {0, 1, 5000, 100'000, 199'999}) {
        const Window window = file->window(offset, n);
        EXPECT_EQ(as_text(window.bytes()), text.substr(offset, n));
        EXPECT_FALSE(window.cut());
        std::string read(n, '\0');
        file->read_at(offset, std::as_writable_bytes(std::span(read)));
        EXPECT_EQ(read, text.substr(offset, n));
      }
    EXPECT_CODE(file->window(text.size() - 5, 6), truncated);
    EXPECT_CODE(file->window(UINT64_MAX, 1), truncated);
    EXPECT_CODE(file->window(1, UINT64_MAX), truncated);
  }
}

TEST(File, ARangeIsAFileThatEndsWhereItEnds) {
  const Scratch scratch;
  const auto file = open_file(scratch.write("f", "0123456789"));
  const auto range = file_range(file, 2, 5);
  EXPECT_EQ(range->size(), 5u);
  EXPECT_EQ(range->name(), file->name());
  EXPECT_EQ(range->fingerprint(), file->fingerprint());
  EXPECT_EQ(as_text(range->window(1, 4).bytes()), "3456");
  std::byte one;
  range->read_at(0, {&one, 1});
  EXPECT_EQ(one, std::byte{'2'});
  EXPECT_EQ(range->next_data(1, 5), 1u);
  Error error;
  EXPECT_EQ(code_of([&] { range->window(1, 5); }, &error), &codes::truncated);
  EXPECT_NE(error.where.find('3'), std::string::npos);
  EXPECT_EQ(code_of([&] { range->read_at(6, {}); }), &codes::truncated);
  EXPECT_EQ(as_text(file_range(file, 10, 0)->window(0, 0).bytes()), "");
}

TEST(File, WindowsMoveWithTheirBytes) {
  const Scratch scratch;
  const auto file = open_file(scratch.write("f", std::string(200'000, 'q')));
  Window a = file->window(0, 200'000);
  Window b = std::move(a);
  a = file->window(1, 10);
  std::swap(a, b);
  EXPECT_EQ(a.bytes().size(), 200'000u);
  EXPECT_EQ(b.bytes().size(), 10u);
  EXPECT_EQ(as_text(b.bytes()), "qqqqqqqqqq");
}

TEST(File, RefusesWhatIsNoRegularFileWithoutHanging) {
  const Scratch scratch;
  ASSERT_EQ(::mkfifo((scratch / "fifo").c_str(), 0600), 0);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {.sun_family = AF_UNIX};
  const std::string socket_path = scratch / "socket";
  ASSERT_LT(socket_path.size(), sizeof(address.sun_path));
  std::copy(socket_path.begin(), socket_path.end(), address.sun_path);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(fd);
  for (const std::string& path : {scratch / "fifo", socket_path, scratch.path(),
                                  std::string("/dev/null"), std::string("/proc/self/status")})
    EXPECT_CODE(open_file(path), not_a_file);
}

TEST(File, TellsMissingLoopAndNameApart) {
  const Scratch scratch;
  Error error;
  EXPECT_EQ(code_of([&] { open_file(scratch / "none"); }, &error), &codes::file_missing);
  EXPECT_EQ(error.file, scratch / "none");
  std::filesystem::create_symlink("loop", scratch / "loop");
  EXPECT_EQ(code_of([&] { open_file(scratch / "loop"); }, &error), &codes::file_unreadable);
  EXPECT_NE(error.found.find("ELOOP"), std::string::npos);
  EXPECT_CODE(open_file(scratch / std::string(300, 'x')), file_unreadable);
}

TEST(File, DeniedAccessNamesOwnerAndMode) {
  const Scratch scratch;
  const std::string path = scratch.write("f", "x");
  ::chmod(path.c_str(), 0);
  const Fault fault(Call::open, 1, EACCES);  // the tests may run as root, whom no mode stops
  Error error;
  EXPECT_EQ(code_of([&] { open_file(path); }, &error), &codes::file_unreadable);
  EXPECT_NE(error.found.find("owner uid"), std::string::npos);
  EXPECT_NE(error.found.find("mode 0000"), std::string::npos);
}

TEST(File, ReadErrorIsReadFailedWithErrno) {
  const Scratch scratch;
  const auto file = open_file(scratch.write("f", "hello"));
  std::byte buffer[5];
  {
    const Fault fault(Call::pread, 1, EIO);
    Error error;
    EXPECT_EQ(code_of([&] { file->read_at(0, buffer); }, &error), &codes::read_failed);
    EXPECT_NE(error.found.find("EIO"), std::string::npos);
  }
  const Fault fault(Call::pread, 1, EINTR);
  file->read_at(0, buffer);
  EXPECT_EQ(as_text(buffer), "hello");
}

TEST(File, NoDescriptorLeftIsSaid) {
  const Scratch scratch;
  const std::string path = scratch.write("f", "x");
  const Fault fault(Call::open, 1, EMFILE);
  EXPECT_CODE(open_file(path), too_many_files);
}

TEST(File, FailedMappingFallsBackToReading) {
  const Scratch scratch;
  const std::string text(2'000'000, 'm');
  const auto file = open_file(scratch.write("f", text));
  const Fault fault(Call::mmap, 1, ENOMEM);
  EXPECT_EQ(as_text(file->window(0, text.size()).bytes()), text);
  EXPECT_TRUE(fault.was_hit());
}

TEST(File, CutUnderAMappingGivesZerosAndAMark) {
  const Scratch scratch;
  const std::string path = scratch.write("f", std::string(3 << 20, 'x'));
  const auto file = open_file(path);
  const Window whole = file->window(0, 3 << 20);
  const Window part = file->window(4096, 2'000'000);
  ASSERT_EQ(::truncate(path.c_str(), 8192), 0);
  EXPECT_EQ(whole.bytes()[8191], std::byte{'x'});
  EXPECT_FALSE(whole.cut());
  EXPECT_EQ(whole.bytes()[500'000], std::byte{0});
  EXPECT_TRUE(whole.cut());
  EXPECT_EQ(whole.bytes()[100], std::byte{'x'});
  EXPECT_FALSE(part.cut());  // each window has its own mark
  EXPECT_EQ(part.bytes().back(), std::byte{0});
  EXPECT_TRUE(part.cut());
  EXPECT_CODE(file->window(0, 3 << 20), input_changed);
  EXPECT_CODE(file->check_unchanged(), input_changed);
  std::vector<std::byte> buffer(10'000);
  EXPECT_CODE(file->read_at(0, buffer), input_changed);
}

TEST(File, BusErrorElsewhereStillEndsTheProcess) {
  const Scratch scratch;
  const std::string path = scratch.write("f", std::string(2'000'000, 'x'));
  const Window guarded = open_file(path)->window(0, 2'000'000);
  const int fd = ::open(path.c_str(), O_RDONLY);
  auto* own = static_cast<volatile char*>(::mmap(nullptr, 2'000'000, PROT_READ, MAP_SHARED, fd, 0));
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(10);
    ::close(STDERR_FILENO);  // a sanitizer would report the very fault that is wanted
    if (::truncate(path.c_str(), 0) == 0) (void)own[1'000'000];
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_FALSE(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
  ::munmap(const_cast<char*>(own), 2'000'000);
  ::close(fd);
}

TEST(File, ManyWindowsAtOnceStayReadable) {
  const Scratch scratch;
  const auto file = open_file(scratch.write("f", std::string(1 << 20, 'w')));
  std::vector<Window> windows;  // more than can be guarded: the rest are buffers
  for (int i = 0; i < 1100; ++i) windows.push_back(file->window(0, 1 << 20));
  for (const Window& window : windows) {
    EXPECT_TRUE(window.guarded());
    EXPECT_EQ(window.bytes().back(), std::byte{'w'});
  }
}

TEST(File, UnchangedMeansTheSameBytes) {
  const Scratch scratch;
  const std::string path = scratch.write("f", "hello");
  const auto file = open_file(path);
  file->check_unchanged();
  std::filesystem::create_hard_link(path, scratch / "second");
  file->check_unchanged();
  const auto gone = open_file(scratch.write("gone", "hello"));
  std::filesystem::remove(scratch / "gone");
  gone->check_unchanged();  // the descriptor still has it
  std::filesystem::remove(path);
  scratch.write("f", "hello");
  EXPECT_CODE(file->check_unchanged(), input_changed);  // replaced

  const auto again = open_file(path);
  scratch.write("f", "OTHER");
  const timespec old[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
  ::utimensat(AT_FDCWD, path.c_str(), old, 0);
  EXPECT_CODE(again->check_unchanged(), input_changed);  // rewritten
}

#ifndef __SANITIZE_ADDRESS__  // its shadow memory needs more address space than the test allows
TEST(File, SixGigabytesFitAnAddressSpaceOfOne) {
  const Scratch scratch;
  const std::string path = scratch.write("f", "");
  constexpr uint64_t size = uint64_t{6} << 30;
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(size)), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit = {rlim_t{1} << 30, rlim_t{1} << 30};
    ::setrlimit(RLIMIT_AS, &limit);
    const auto file = open_file(path);
    constexpr uint64_t step = 8 << 20;
    for (uint64_t at = 0; at < size; at += step) {
      const Window window = file->window(at, step);
      // Reading ahead fills the page cache: a few windows are enough to read.
      if (at % (step * 64) == 0 && window.bytes()[step - 1] != std::byte{0}) ::_exit(1);
    }
    if (code_of([&] { file->window(0, size); }) != &codes::out_of_memory) ::_exit(2);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}
#endif

}  // namespace
}  // namespace recast

#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/system.h"

// What the tests of this room share: a scratch folder and a system that fails on demand.
namespace recast::io_testing {

// A new empty folder, removed with all in it at the end.
class Scratch {
 public:
  explicit Scratch(const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    std::string name = (parent / "recast-io-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    std::ofstream(*this / name, std::ios::binary) << text;
    return *this / name;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(*this / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool has(const std::string& name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(*this / name));
  }
  // Names of the entries, hidden ones too, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

// A file system in memory where there is one: its syncs cost nothing.
inline std::filesystem::path memory_folder() {
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
}

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// The code of the Error that `call` throws, null when it throws none.
template <class Call>
const ErrorCode* code_of(Call&& call, Error* out = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (out) *out = error;
    return error.code;
  }
  return nullptr;
}
#define EXPECT_CODE(call, wanted)                                                      \
  do {                                                                                 \
    const ErrorCode* got = io_testing::code_of([&] { call; });                         \
    EXPECT_EQ(got, &codes::wanted) << (got ? got->symbol : std::string_view("no error")); \
  } while (false)

enum class Call {
  open, close, pread, pwrite, mmap, fstat, stat, statvfs, fsync, fdatasync, fallocate, truncate,
  rename, unlink, mkdir, chmod, lock, count
};

// While it lives, the n-th call of one kind fails with `error`, or the n-th call of any kind kills
// the process.
class Fault {
 public:
  Fault(Call call, int nth, int error) : Fault() { state() = {call, nth, error, 0, false}; }
  struct Kill {
    int nth;
  };
  explicit Fault(Kill kill) : Fault() { state() = {Call::count, kill.nth, 0, 0, true}; }
  ~Fault() { system_calls() = real(); }
  Fault(const Fault&) = delete;
  bool was_hit() const { return state().seen >= state().nth; }

 private:
  struct State {
    Call call;
    int nth, error, seen;
    bool kill;
  };
  static State& state() {
    static State state;
    return state;
  }
  static SystemCalls& real() {
    static SystemCalls calls = system_calls();
    return calls;
  }
  static bool hit(Call call) {
    State& s = state();
    if (!s.kill && s.call != call) return false;
    if (++s.seen != s.nth) return false;
    if (s.kill) ::raise(SIGKILL);
    errno = s.error;
    return true;
  }

  Fault() {
    real();
    SystemCalls& c = system_calls();
    c.open = [](int d, const char* p, int f, mode_t m) {
      return hit(Call::open) ? -1 : real().open(d, p, f, m);
    };
    c.close = [](int fd) {
      const int result = real().close(fd);
      return hit(Call::close) ? -1 : result;
    };
    c.pread = [](int fd, void* to, size_t n, off_t o) {
      return hit(Call::pread) ? -1 : real().pread(fd, to, n, o);
    };
    c.pwrite = [](int fd, const void* from, size_t n, off_t o) {
      return hit(Call::pwrite) ? -1 : real().pwrite(fd, from, n, o);
    };
    c.mmap = [](size_t n, int fd, off_t o) {
      return hit(Call::mmap) ? MAP_FAILED : real().mmap(n, fd, o);
    };
    c.fstat = [](int fd, struct stat* to) { return hit(Call::fstat) ? -1 : real().fstat(fd, to); };
    c.stat = [](int d, const char* p, struct stat* to, int f) {
      return hit(Call::stat) ? -1 : real().stat(d, p, to, f);
    };
    c.statvfs = [](int fd, struct statvfs* to) {
      return hit(Call::statvfs) ? -1 : real().statvfs(fd, to);
    };
    c.fsync = [](int fd) { return hit(Call::fsync) ? -1 : real().fsync(fd); };
    c.fdatasync = [](int fd) { return hit(Call::fdatasync) ? -1 : real().fdatasync(fd); };
    c.fallocate = [](int fd, int m, off_t o, off_t n) {
      return hit(Call::fallocate) ? -1 : real().fallocate(fd, m, o, n);
    };
    c.truncate = [](int fd, off_t n) { return hit(Call::truncate) ? -1 : real().truncate(fd, n); };
    c.rename = [](int d, const char* a, int e, const char* b, unsigned f) {
      return hit(Call::rename) ? -1 : real().rename(d, a, e, b, f);
    };
    c.unlink = [](int d, const char* p, int f) {
      return hit(Call::unlink) ? -1 : real().unlink(d, p, f);
    };
    c.mkdir = [](int d, const char* p, mode_t m) {
      return hit(Call::mkdir) ? -1 : real().mkdir(d, p, m);
    };
    c.chmod = [](int fd, mode_t m) { return hit(Call::chmod) ? -1 : real().chmod(fd, m); };
    c.lock = [](int fd, int command, struct flock* l) {
      return hit(Call::lock) ? -1 : real().lock(fd, command, l);
    };
  }
};

}  // namespace recast::io_testing

#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "io/side.h"

namespace recast {

// Every system call by which this room reads or writes a file, as one table, so that a test can
// make the n-th call fail or return short. Signatures and errno are those of the manual pages.
struct SystemCalls {
  int (*open)(int folder, const char* path, int flags, mode_t mode);  // openat
  int (*open2)(int folder, const char* path, const open_how* how);    // openat2
  int (*close)(int fd);
  ssize_t (*pread)(int fd, void* to, size_t n, off_t offset);
  ssize_t (*pwrite)(int fd, const void* from, size_t n, off_t offset);
  void* (*mmap)(size_t length, int fd, off_t offset);  // shared, readable, no fixed address
  int (*fstat)(int fd, struct stat* to);
  int (*stat)(int folder, const char* path, struct stat* to, int flags);  // fstatat
  int (*statvfs)(int fd, struct statvfs* to);                             // fstatvfs
  int (*fstatfs)(int fd, struct statfs* to);
  off_t (*seek)(int fd, off_t offset, int whence);  // lseek
  int (*fsync)(int fd);
  int (*fdatasync)(int fd);
  int (*fallocate)(int fd, int mode, off_t offset, off_t n);
  int (*truncate)(int fd, off_t n);  // ftruncate
  int (*start_writeback)(int fd);    // sync_file_range, whole file, does not wait
  int (*rename)(int folder, const char* from, int to_folder, const char* to, unsigned flags);
  int (*unlink)(int folder, const char* name, int flags);   // unlinkat
  int (*mkdir)(int folder, const char* name, mode_t mode);  // mkdirat
  int (*chmod)(int fd, mode_t mode);                        // fchmod
  int (*lock)(int fd, int command, struct flock* lock);     // fcntl with F_OFD_*
};

// The table in use. Replace entries only while no other thread does I/O.
SystemCalls& system_calls();

// How often a call is made again when a file system answers EAGAIN or ESTALE, which network mounts
// do and which passes. One number for the process; set it before any work. Default 3.
int max_retries();
void set_max_retries(int most);

// Whether such a call is to be made again: pauses first, 20 ms and each time twice as long.
bool pause_before_retry(int error, int retries_done);

// The result of `call`, which answers -1 and errno like a system call. What a signal interrupted is
// made again, and what pause_before_retry() says. Not for a sync: once failed, it is final.
template <class Call>
auto persistently(Call call) {
  for (int retries = 0;;) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR && !pause_before_retry(errno, retries++)) return result;
  }
}

// openat, persistently.
int open_at(int folder, const char* path, int flags, mode_t mode = 0);

// Owns a descriptor. The destructor closes without looking; close() throws write_failed.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }
  void close(std::string_view file);

 private:
  int fd_ = -1;
};

// "ENOSPC (No space left on device)".
std::string errno_text(int error);

// What failed to write `file`, by errno: no_space and file_size_limit (`resource`),
// too_many_files, name_too_long, else write_failed (`io`). `action` is a verb: "rename".
[[noreturn]] void fail_write(std::string_view action, std::string_view file, int error);

// What a failed sync means: no_space, file_size_limit, else sync_failed. Final: the kernel may have
// dropped the pages, so that a second sync would succeed without them.
[[noreturn]] void fail_sync(std::string_view file, int error);

// What failed to open or read `file`. An input: file_missing, file_unreadable (with owner and mode
// where they can be told), too_many_files, else read_failed. An output: output_unreadable.
[[noreturn]] void fail_read(std::string_view action, std::string_view file, int error,
                            Side side = Side::input);

// Writes all of it: short writes and EINTR continue. Throws as fail_write, and input_changed when
// `bytes` lie in a mapping whose file was cut.
void write_fully(int fd, uint64_t offset, const void* bytes, size_t n, std::string_view file);

// "folder/name" for messages; just `name` in the current folder.
std::string join_path(std::string_view folder, std::string_view name);

// Names of the entries of an open folder, sorted by bytes, without "." and "..". Throws as fail_read.
std::vector<std::string> list_folder(int folder, std::string_view path, Side side = Side::input);

}  // namespace recast

#include "io/system.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace recast {

SystemCalls& system_calls() {
  static SystemCalls calls = {
      .open = [](int folder, const char* path, int flags,
                 mode_t mode) { return ::openat(folder, path, flags, mode); },
      .open2 =
          [](int folder, const char* path, const open_how* how) {
            return static_cast<int>(::syscall(SYS_openat2, folder, path, how, sizeof(*how)));
          },
      .close = ::close,
      .pread = ::pread,
      .pwrite = ::pwrite,
      .mmap =
          [](size_t length, int fd, off_t offset) {
            return ::mmap(nullptr, length, PROT_READ, MAP_SHARED, fd, offset);
          },
      .fstat = ::fstat,
      .stat = ::fstatat,
      .statvfs = ::fstatvfs,
      .fstatfs = ::fstatfs,
      .seek = ::lseek,
      .fsync = ::fsync,
      .fdatasync = ::fdatasync,
      .fallocate = ::fallocate,
      .truncate = ::ftruncate,
      .start_writeback = [](int fd) { return ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); },
      .rename = ::renameat2,
      .unlink = ::unlinkat,
      .mkdir = ::mkdirat,
      .chmod = ::fchmod,
      .lock = [](int fd, int command, struct flock* lock) { return ::fcntl(fd, command, lock); },
  };
  return calls;
}

namespace {
std::atomic<int> retries{3};
}  // namespace

int max_retries() { return retries; }
void set_max_retries(int most) { retries = most; }

bool pause_before_retry(int error, int retries_done) {
  if ((error != EAGAIN && error != ESTALE) || retries_done >= max_retries()) return false;
  std::this_thread::sleep_for(std::chrono::milliseconds(20) * (1 << std::min(retries_done, 10)));
  return true;
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
  return persistently([&] { return system_calls().open(folder, path, flags, mode); });
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) system_calls().close(fd_);
}

void Descriptor::close(std::string_view file) {
  const int fd = std::exchange(fd_, -1);
  // EINTR: Linux has released the descriptor all the same.
  if (fd >= 0 && system_calls().close(fd) != 0 && errno != EINTR) fail_write("close", file, errno);
}

std::string errno_text(int error) {
  const char* name = strerrorname_np(error);
  const char* text = strerrordesc_np(error);
  return fmt::format("{} ({})", name ? name : std::to_string(error).c_str(),
                     text ? text : "unknown");
}

void fail_write(std::string_view action, std::string_view file, int error) {
  ErrorFacts facts{
      .where = std::string(action), .found = errno_text(error), .file = std::string(file)};
  if (error == ENOSPC || error == EDQUOT) fail(codes::no_space, std::move(facts));
  if (error == EFBIG) fail(codes::file_size_limit, std::move(facts));
  if (error == EMFILE || error == ENFILE) fail(codes::too_many_files, std::move(facts));
  if (error == ENOMEM) fail(codes::out_of_memory, std::move(facts));
  if (error == ENAMETOOLONG) fail(codes::name_too_long, std::move(facts));
  fail(codes::write_failed, std::move(facts));
}

void fail_sync(std::string_view file, int error) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) fail_write("sync", file, error);
  fail(codes::sync_failed, {.found = errno_text(error), .file = std::string(file)});
}

void fail_read(std::string_view action, std::string_view file, int error, Side side) {
  ErrorFacts facts{
      .where = std::string(action), .found = errno_text(error), .file = std::string(file)};
  const bool limit = error == EMFILE || error == ENFILE || error == ENOMEM;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  if (side == Side::output && full) fail_write(action, file, error);
  if (side == Side::output && !limit) fail(codes::output_unreadable, std::move(facts));
  if (error == ENOENT || error == ENOTDIR) {
    facts.where.clear();  // what was to be done with it says nothing more
    fail(codes::file_missing, std::move(facts));
  }
  if (error == EMFILE || error == ENFILE) fail(codes::too_many_files, std::move(facts));
  if (error == ENOMEM) fail(codes::out_of_memory, std::move(facts));
  if (error == EACCES || error == EPERM) {
    struct stat st;
    if (::stat(std::string(file).c_str(), &st) == 0)
      facts.found += fmt::format(", owner uid {}, mode {:04o}", st.st_uid, st.st_mode & 07777);
    fail(codes::file_unreadable, std::move(facts));
  }
  if (error == ELOOP || error == ENAMETOOLONG) fail(codes::file_unreadable, std::move(facts));
  fail(codes::read_failed, std::move(facts));
}

void write_fully(int fd, uint64_t offset, const void* bytes, size_t n, std::string_view file) {
  const char* from = static_cast<const char*>(bytes);
  while (n > 0) {
    const ssize_t done = persistently(
        [&] { return system_calls().pwrite(fd, from, n, static_cast<off_t>(offset)); });
    // The bytes come from a window; the kernel cannot read them once the input was cut.
    if (done < 0 && errno == EFAULT)
      fail(codes::input_changed,
           {.found = "an input that became shorter while it was copied to " + printable(file)});
    if (done < 0) fail_write(fmt::format("write at {}", offset_where(offset)), file, errno);
    if (done == 0) fail_write(fmt::format("write at {}", offset_where(offset)), file, EIO);
    from += done;
    offset += static_cast<uint64_t>(done);
    n -= static_cast<size_t>(done);
  }
}

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty() || folder == ".") return std::string(name);
  return fmt::format("{}{}{}", folder, folder.back() == '/' ? "" : "/", name);
}

std::vector<std::string> list_folder(int folder, std::string_view path, Side side) {
  // Opened anew: a duplicate would share, and move, the position of `folder`.
  Descriptor fd(open_at(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail_read("list", path, errno, side);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), ::closedir);
  if (!stream) fail_read("list", path, errno, side);
  fd.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (!entry && errno) fail_read("list", path, errno, side);
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace recast

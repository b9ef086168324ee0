#include "io/output_lock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace recast {

namespace {

struct flock whole_file() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Who holds the lock and since when: told to those who find it taken. No more than a help: a disk
// that is too full for it will be found out by the output itself.
void sign(int fd) {
  char host[HOST_NAME_MAX + 1] = "";
  ::gethostname(host, HOST_NAME_MAX);
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string text =
      fmt::format("process {} on {} since {:%FT%TZ}\n", ::getpid(), host, fmt::gmtime(now));
  SystemCalls& sys = system_calls();
  if (sys.truncate(fd, 0) == 0) sys.pwrite(fd, text.data(), text.size(), 0);
}

[[noreturn]] void fail_locked(int fd, const std::string& name, const std::string& shown) {
  char text[256];
  const ssize_t n = system_calls().pread(fd, text, sizeof(text), 0);
  std::string owner(text, n > 0 ? static_cast<size_t>(n) : 0);
  owner.resize(std::min(owner.size(), owner.find('\n')));
  if (!owner.starts_with("process ")) owner = "a living process";
  fail(codes::output_locked,
       {.found = fmt::format("{} holds {}", printable(owner), printable(name)), .file = shown});
}

}  // namespace

OutputLock OutputLock::take(int folder, std::string name, const std::string& shown) {
  SystemCalls& sys = system_calls();
  for (;;) {
    OutputLock lock;
    lock.folder_ = folder;
    lock.name_ = name;
    lock.fd_ =
        Descriptor(open_at(folder, name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!lock.fd_) fail_write("make the lock " + printable(name), shown, errno);
    struct flock request = whole_file();
    int result = 0;
    do result = sys.lock(lock.fd_.get(), F_OFD_SETLK, &request);
    while (result != 0 && errno == EINTR);
    if (result != 0) {
      if (errno == EAGAIN || errno == EACCES) fail_locked(lock.fd_.get(), name, shown);
      fail_write("lock " + printable(name), shown, errno);  // not ours: the file stays
    }
    // The owner before us removes the file while it holds the lock: what we locked may be gone.
    struct stat held, there;
    if (sys.fstat(lock.fd_.get(), &held) != 0) {
      const int error = errno;
      lock.release();
      fail_write("look at the lock of", shown, error);
    }
    if (sys.stat(folder, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        held.st_ino == there.st_ino && held.st_dev == there.st_dev) {
      try {
        sign(lock.fd_.get());
      } catch (const std::exception&) {  // no memory for a help: the lock is what counts
      }
      return lock;
    }
  }
}

void OutputLock::check(int folder, const std::string& name, const std::string& shown) {
  SystemCalls& sys = system_calls();
  const Descriptor fd(open_at(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return;
  struct flock request = whole_file();
  if (sys.lock(fd.get(), F_OFD_GETLK, &request) == 0 && request.l_type != F_UNLCK)
    fail_locked(fd.get(), name, shown);
}

bool OutputLock::release() {
  if (!fd_) return true;
  SystemCalls& sys = system_calls();
  const bool removed = sys.unlink(folder_, name_.c_str(), 0) == 0 || errno == ENOENT ||
                       sys.unlink(folder_, name_.c_str(), 0) == 0;
  fd_ = Descriptor();
  return removed;
}

}  // namespace recast

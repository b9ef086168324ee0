#include "io/output_lock.h"

#include <cerrno>

namespace recast {

namespace {

struct flock whole_file() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

[[noreturn]] void fail_locked(const std::string& name, const std::string& shown) {
  fail(codes::output_locked, {.found = "a living process holds " + printable(name), .file = shown});
}

}  // namespace

OutputLock OutputLock::take(int folder, std::string name, const std::string& shown) {
  SystemCalls& sys = system_calls();
  for (;;) {
    OutputLock lock;
    lock.folder_ = folder;
    lock.name_ = name;
    lock.fd_ = Descriptor(
        sys.open(folder, name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!lock.fd_) fail_write("make the lock " + printable(name), shown, errno);
    struct flock request = whole_file();
    if (sys.lock(lock.fd_.get(), F_OFD_SETLK, &request) != 0) {
      if (errno == EAGAIN || errno == EACCES) fail_locked(name, shown);
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
        held.st_ino == there.st_ino && held.st_dev == there.st_dev)
      return lock;
  }
}

void OutputLock::check(int folder, const std::string& name, const std::string& shown) {
  SystemCalls& sys = system_calls();
  const Descriptor fd(sys.open(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0));
  if (!fd) return;
  struct flock request = whole_file();
  if (sys.lock(fd.get(), F_OFD_GETLK, &request) == 0 && request.l_type != F_UNLCK)
    fail_locked(name, shown);
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

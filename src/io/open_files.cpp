#include "io/open_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace recast {

namespace {
constexpr size_t most_open = 24;
}  // namespace

// The files that are open now, the one used last in front.
class OpenFiles {
 public:
  static OpenFiles& instance() {
    static OpenFiles files;
    return files;
  }

  std::shared_ptr<const Descriptor> acquire(const OpenFile& file) {
    const std::lock_guard lock(mutex_);
    if (file.fd_) {
      used_.splice(used_.begin(), used_, file.place_);
      return file.fd_;
    }
    add(file, file.open_again());
    return file.fd_;
  }

  void add_new(const OpenFile& file, Descriptor fd) {
    const std::lock_guard lock(mutex_);
    add(file, std::make_shared<const Descriptor>(std::move(fd)));
  }

  void remove(const OpenFile& file) {
    const std::lock_guard lock(mutex_);
    if (file.fd_) used_.erase(file.place_);
  }

 private:
  void add(const OpenFile& file, std::shared_ptr<const Descriptor> fd) {
    used_.push_front(&file);
    file.place_ = used_.begin();
    file.fd_ = std::move(fd);
    for (auto it = used_.end(); used_.size() > most_open && it != used_.begin();) {
      --it;
      if (*it != &file && may_close(**it)) it = used_.erase(it);
    }
  }

  // Closes it, unless it is being read or could not be found again.
  static bool may_close(const OpenFile& file) {
    if (file.fd_.use_count() > 1) return false;
    if (file.path_.empty()) file.path_ = real_path_of(file.fd_->get());
    struct stat there;
    if (file.path_.empty() || ::stat(file.path_.c_str(), &there) != 0 ||
        there.st_ino != file.at_open_.st_ino || there.st_dev != file.at_open_.st_dev)
      return false;
    file.fd_ = nullptr;
    return true;
  }

  std::mutex mutex_;
  std::list<const OpenFile*> used_;
};

OpenFile::OpenFile(Descriptor fd, std::string name, Side side)
    : name_(std::move(name)), side_(side) {
  if (system_calls().fstat(fd.get(), &at_open_) != 0) fail_read("look at", name_, errno, side_);
  OpenFiles::instance().add_new(*this, std::move(fd));
}

OpenFile::~OpenFile() { OpenFiles::instance().remove(*this); }

std::shared_ptr<const Descriptor> OpenFile::acquire() const {
  return OpenFiles::instance().acquire(*this);
}

std::shared_ptr<const Descriptor> OpenFile::open_again() const {
  Descriptor fd(open_at(AT_FDCWD, path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  struct stat st;
  if (!fd || system_calls().fstat(fd.get(), &st) != 0) {
    if (errno != ENOENT) fail_read("open again", name_, errno, side_);
    st = {};
  }
  if (st.st_ino != at_open_.st_ino || st.st_dev != at_open_.st_dev)
    fail(side_ == Side::input ? codes::input_changed : codes::output_unreadable,
         {.expected = "the file that was opened",
          .found = fd ? "another file under the same name" : "no file of this name",
          .file = name_});
  return std::make_shared<const Descriptor>(std::move(fd));
}

std::string real_path_of(int fd) {
  char text[PATH_MAX];
  const ssize_t n = ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), text, sizeof(text));
  return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
}

}  // namespace recast

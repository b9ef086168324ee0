#include "io/file.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "io/mapping_guard.h"
#include "io/open_files.h"
#include "io/system.h"

namespace recast {

namespace {

// Measured with a cached 2 GB file: pread and XXH3 take 0.15 s in pieces of 256 KiB, which stay in the
// L2 cache; map, XXH3 and unmap take 0.22 s in such pieces and 0.19 s at best. Large windows are for
// those who want to see much at once without owning the memory.
constexpr uint64_t smallest_mapping = 1 << 20;

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    default:
      return "a file of the kernel";
  }
}

Fingerprint fingerprint_of(const struct stat& st) {
  const auto nanoseconds = [](const timespec& t) {
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  };
  return {.device = st.st_dev,
          .inode = st.st_ino,
          .size = static_cast<uint64_t>(st.st_size),
          .mtime_ns = nanoseconds(st.st_mtim),
          .ctime_ns = nanoseconds(st.st_ctim)};
}

// A regular file on a local descriptor. Reads use pread alone (`stream`), or map windows and fall
// back to pread where that is cheaper or where no address space is left.
class LocalFile : public File {
 public:
  LocalFile(Descriptor fd, std::string name, ReadMode mode, Side side)
      : file_(std::move(fd), name, side),
        name_(std::move(name)),
        mode_(mode),
        side_(side),
        at_open_(fingerprint_of(file_.at_open())),
        links_at_open_(file_.at_open().st_nlink) {}

  uint64_t size() const override { return at_open_.size; }
  const std::string& name() const override { return name_; }
  Fingerprint fingerprint() const override { return at_open_; }

  void read_at(uint64_t offset, std::span<std::byte> destination) const override {
    require_inside(offset, destination.size());
    const auto fd = file_.acquire();
    size_t done = 0;
    while (done < destination.size()) {
      const ssize_t n = persistently([&] {
        return system_calls().pread(fd->get(), destination.data() + done, destination.size() - done,
                                    static_cast<off_t>(offset + done));
      });
      if (n < 0) fail_read("read at " + offset_where(offset + done), name_, errno, side_);
      if (n == 0) fail_cut(offset + done);
      done += static_cast<size_t>(n);
    }
  }

  Window window(uint64_t offset, uint64_t bytes) const override {
    require_inside(offset, bytes);
    if (mode_ == ReadMode::mapped && bytes >= smallest_mapping) {
      const auto fd = file_.acquire();
      const uint64_t size_now = fingerprint_of(state_of(*fd)).size;
      if (size_now < offset + bytes) fail_cut(size_now);  // found now, a cut costs no signal
      static const uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
      const uint64_t lead = offset % page;
      const size_t length = static_cast<size_t>(bytes + lead);
      void* base = system_calls().mmap(length, fd->get(), static_cast<off_t>(offset - lead));
      if (base != MAP_FAILED) {
        Window mapped =
            Window::mapping(base, length, {static_cast<std::byte*>(base) + lead, bytes});
        if (mapped.guarded()) return mapped;
      }
    }
    std::unique_ptr<std::byte[]> buffer = allocate(bytes);
    read_at(offset, {buffer.get(), bytes});
    return Window::own(std::move(buffer), bytes);
  }

  uint64_t next_data(uint64_t offset, uint64_t end) const override {
    return next(SEEK_DATA, offset, end);
  }
  uint64_t next_hole(uint64_t offset, uint64_t end) const override {
    return next(SEEK_HOLE, offset, end);
  }

  void check_unchanged() const override {
    const struct stat st = state_of(*file_.acquire());
    const Fingerprint now = fingerprint_of(st);
    // Removing or adding a name moves ctime too, which leaves the bytes as they were.
    const bool touched = now.ctime_ns != at_open_.ctime_ns && st.st_nlink == links_at_open_;
    if (now.size != at_open_.size || now.mtime_ns != at_open_.mtime_ns || touched)
      fail(codes::input_changed,
           {.expected = describe(at_open_), .found = describe(now), .file = name_});
    struct stat other;
    if (system_calls().stat(AT_FDCWD, name_.c_str(), &other, 0) == 0 &&
        (other.st_dev != st.st_dev || other.st_ino != st.st_ino))
      fail(codes::input_changed, {.expected = "the file that was opened",
                                  .found = "another file under the same name",
                                  .file = name_});
  }

 private:
  struct stat state_of(const Descriptor& fd) const {
    struct stat st;
    if (system_calls().fstat(fd.get(), &st) != 0) fail_read("look at", name_, errno, side_);
    return st;
  }

  // Moves the position of the descriptor, which no read uses. ENXIO: nothing but a hole up to the
  // end of the file. A file system that cannot tell says that all is data.
  uint64_t next(int whence, uint64_t offset, uint64_t end) const {
    const off_t at = system_calls().seek(file_.acquire()->get(), static_cast<off_t>(offset), whence);
    if (at >= 0) return std::min(static_cast<uint64_t>(at), end);
    return whence == SEEK_DATA && errno != ENXIO ? offset : end;
  }

  static std::string describe(const Fingerprint& f) {
    return fmt::format("{} bytes, modified at {} ns, changed at {} ns", f.size, f.mtime_ns,
                       f.ctime_ns);
  }

  void require_inside(uint64_t offset, uint64_t bytes) const {
    if (offset <= at_open_.size && bytes <= at_open_.size - offset) return;
    fail(codes::truncated,
         {.where = offset_where(offset),
          .expected = fmt::format("{} bytes", bytes),
          .found = fmt::format("{} left", offset <= at_open_.size ? at_open_.size - offset : 0),
          .file = name_});
  }

  [[noreturn]] void fail_cut(uint64_t offset) const {
    fail(codes::input_changed, {.where = offset_where(offset),
                                .expected = fmt::format("{} bytes as at open", at_open_.size),
                                .found = "the end of the file",
                                .file = name_});
  }

  std::unique_ptr<std::byte[]> allocate(uint64_t bytes) const {
    try {
      return std::make_unique_for_overwrite<std::byte[]>(bytes);
    } catch (const std::bad_alloc&) {
      fail(codes::out_of_memory,
           {.where = fmt::format("a buffer of {} bytes", bytes), .file = name_});
    }
  }

  const OpenFile file_;
  const std::string name_;
  const ReadMode mode_;
  const Side side_;
  const Fingerprint at_open_;
  const nlink_t links_at_open_;
};

}  // namespace

Window::Window(Window&& other) noexcept { *this = std::move(other); }

Window& Window::operator=(Window&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(buffer_, other.buffer_);
  std::swap(base_, other.base_);
  std::swap(length_, other.length_);
  std::swap(guard_, other.guard_);
  return *this;
}

Window::~Window() {
  if (!base_) return;
  release_mapping(guard_);
  ::munmap(base_, length_);
}

bool Window::cut() const { return mapping_cut(guard_); }

Window Window::own(std::unique_ptr<std::byte[]> buffer, uint64_t bytes) {
  Window window;
  window.buffer_ = std::move(buffer);
  window.bytes_ = {window.buffer_.get(), bytes};
  return window;
}

Window Window::mapping(void* base, size_t length, std::span<const std::byte> view) {
  Window window;
  window.base_ = base;
  window.length_ = length;
  window.bytes_ = view;
  window.guard_ = guard_mapping(base, length);
  return window;
}

void require_regular(int fd, const std::string& name, Side side) {
  struct stat st;
  if (system_calls().fstat(fd, &st) != 0) fail_read("look at", name, errno, side);
  struct statfs fs;
  const bool kernel_made = st.st_size == 0 && ::fstatfs(fd, &fs) == 0 &&
                           (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
  if (S_ISREG(st.st_mode) && !kernel_made) return;
  fail(codes::not_a_file,
       {.expected = "a regular file", .found = std::string(kind_of(st.st_mode)), .file = name});
}

std::shared_ptr<const File> adopt_file(int fd, std::string name, ReadMode mode, Side side) {
  Descriptor owner(fd);
  require_regular(fd, name, side);
  return std::make_shared<LocalFile>(std::move(owner), std::move(name), mode, side);
}

std::shared_ptr<const File> open_file(const std::string& path, ReadMode mode) {
  // O_NONBLOCK: a FIFO without a writer must not hang; it has no effect on regular files.
  const int fd = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd >= 0) return adopt_file(fd, path, mode);
  if (errno == ENXIO)
    fail(codes::not_a_file, {.expected = "a regular file", .found = "a socket", .file = path});
  fail_read("open", path, errno);
}

}  // namespace recast

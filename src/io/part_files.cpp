#include "io/part_files.h"

#include <fmt/format.h>

#include <cassert>
#include <cerrno>

namespace recast {

namespace {

// A set of a thousand shards must not need a thousand descriptors.
constexpr size_t most_open = 24;

// Measured with 2 GB on ext4: started every 16 MiB, write-back leaves the final sync 15 ms instead
// of 600 ms, and the whole takes less time than cp and sync.
constexpr uint64_t writeback_bytes = uint64_t{16} << 20;

}  // namespace

uint64_t PartFiles::create(Part part, bool preallocate) {
  SystemCalls& sys = system_calls();
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  adopt(std::move(part));  // first: once the file is there, the owner must know to remove it
  const Part& made = states_.back().part;
  Descriptor fd(open_at(folder_, made.path.c_str(), flags, 0600));
  if (!fd) {
    const int error = errno;
    const std::string shown = made.shown;
    states_.pop_back();
    fail_write("make", shown, error);
  }
  const auto bytes = static_cast<off_t>(made.bytes);
  int result = 0;
  preallocate = preallocate && made.hole_bytes == 0;
  if (preallocate && bytes > 0) {
    do result = sys.fallocate(fd.get(), 0, 0, bytes);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
      fail_write(fmt::format("reserve {} bytes", bytes), made.shown, errno);
  }
  // Sets the size where blocks could not, or should not, be reserved.
  if (bytes > 0 && (!preallocate || result != 0) && sys.truncate(fd.get(), bytes) != 0)
    fail_write(fmt::format("set the size of {} bytes", bytes), made.shown, errno);
  struct stat st;
  if (sys.fstat(fd.get(), &st) != 0) fail_write("look at", made.shown, errno);
  fd.close(made.shown);
  return st.st_ino;
}

void PartFiles::adopt(Part part) { states_.emplace_back().part = std::move(part); }

void PartFiles::rename(size_t i, std::string path, std::string shown) {
  Part& part = states_[i].part;
  if (system_calls().rename(folder_, part.path.c_str(), folder_, path.c_str(), 0) != 0)
    fail_write("rename", part.shown, errno);
  part.path = std::move(path);
  part.shown = std::move(shown);
}

void PartFiles::write_at(size_t i, uint64_t offset, std::span<const std::byte> bytes) {
  State& state = states_[i];
  assert(offset <= state.part.bytes && bytes.size() <= state.part.bytes - offset);
  const auto fd = acquire(state);
  write_fully(fd->get(), offset, bytes.data(), bytes.size(), state.part.shown);
  ++state.writes;
  const uint64_t before = state.unstarted_bytes.fetch_add(bytes.size());
  if (before + bytes.size() < writeback_bytes) return;
  state.unstarted_bytes = 0;
  // A hint: its errors come back from the sync.
  system_calls().start_writeback(fd->get());
}

void PartFiles::sync_data() {
  const std::lock_guard lock(sync_mutex_);
  for (State& state : states_) {
    refuse_after_failure(state);
    if (state.dirty()) sync(state, acquire(state)->get(), system_calls().fdatasync);
  }
}

void PartFiles::sync_all() {
  const std::lock_guard lock(sync_mutex_);
  for (State& state : states_) {
    refuse_after_failure(state);
    if (!state.dirty() && state.has_mode) continue;
    const auto fd = acquire(state);
    if (!state.has_mode && system_calls().chmod(fd->get(), state.part.mode) != 0)
      fail_write("set the mode", state.part.shown, errno);
    state.has_mode = true;
    sync(state, fd->get(), system_calls().fsync);
  }
}

void PartFiles::close_all() {
  sync_all();
  const std::lock_guard lock(open_mutex_);
  for (State& state : states_) {
    if (!state.fd) continue;
    const auto fd = std::exchange(state.fd, nullptr);
    --open_count_;
    fd->close(state.part.shown);
  }
}

std::shared_ptr<Descriptor> PartFiles::acquire(State& state) {
  const std::lock_guard lock(open_mutex_);
  state.last_use = ++clock_;
  if (state.fd) return state.fd;
  if (open_count_ >= most_open) evict_one();
  Descriptor fd(open_at(folder_, state.part.path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) fail_write("open", state.part.shown, errno);
  state.fd = std::make_shared<Descriptor>(std::move(fd));
  ++open_count_;
  return state.fd;
}

// Closes the file that was used longest ago and that nobody is using. Synced first: once no
// descriptor is left, the kernel may forget that writing back a page failed.
void PartFiles::evict_one() {
  State* oldest = nullptr;
  for (State& state : states_)
    if (state.fd && state.fd.use_count() == 1 && (!oldest || state.last_use < oldest->last_use))
      oldest = &state;
  if (!oldest) return;
  refuse_after_failure(*oldest);
  if (oldest->dirty()) sync(*oldest, oldest->fd->get(), system_calls().fdatasync);
  const auto fd = std::exchange(oldest->fd, nullptr);
  --open_count_;
  fd->close(oldest->part.shown);
}

void PartFiles::sync(State& state, int fd, int (*call)(int)) {
  // Counted before, stored after: a write meanwhile stays due, and clean means that it is on disk.
  const uint64_t writes = state.writes;
  if (call(fd) == 0) {
    state.synced_writes = writes;
    return;
  }
  const int error = errno;
  failed_ = true;
  fail_sync(state.part.shown, error);
}

void PartFiles::refuse_after_failure(const State& state) const {
  if (failed_)
    fail(codes::sync_failed, {.found = "an earlier sync that failed", .file = state.part.shown});
}

}  // namespace recast

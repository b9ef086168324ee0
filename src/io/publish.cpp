#include "io/publish.h"

#include <linux/fs.h>

#include <cerrno>

#include "io/system.h"

namespace recast {

namespace {

// How a move was made, and so how it is taken back.
enum class Way {
  onto_nothing,  // the final name was free
  exchanged,     // the part's name holds the old content
  aside,         // the old content waits under Move::aside
};

bool unsupported(int error) { return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP; }

int rename_in(int folder, const std::string& from, const std::string& to, unsigned flags) {
  return system_calls().rename(folder, from.c_str(), folder, to.c_str(), flags);
}

// Onto a name that must be free. A file system that cannot promise that is asked first: other runs
// of this program are kept out by the lock.
int rename_onto_nothing(int folder, const std::string& from, const std::string& to) {
  if (rename_in(folder, from, to, RENAME_NOREPLACE) == 0) return 0;
  if (!unsupported(errno)) return -1;
  struct stat st;
  if (system_calls().stat(folder, to.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return -1;
  }
  return rename_in(folder, from, to, 0);
}

Way carry_out(int folder, const Move& move) {
  if (move.replace && rename_in(folder, move.from, move.to, RENAME_EXCHANGE) == 0)
    return Way::exchanged;
  if (move.replace && unsupported(errno)) {
    if (rename_onto_nothing(folder, move.to, move.aside) != 0)
      fail_write("set the old output aside", move.shown, errno);
    if (rename_onto_nothing(folder, move.from, move.to) == 0) return Way::aside;
    const int error = errno;
    rename_onto_nothing(folder, move.aside, move.to);
    fail_write("rename to", move.shown, error);
  }
  // ENOENT: what was to be replaced has gone meanwhile.
  if (move.replace && errno != ENOENT) fail_write("rename to", move.shown, errno);
  if (rename_onto_nothing(folder, move.from, move.to) == 0) return Way::onto_nothing;
  if (errno == EEXIST)
    fail(codes::output_exists, {.found = "made by another program meanwhile", .file = move.shown});
  fail_write("rename to", move.shown, errno);
}

void take_back(int folder, const Move& move, Way way) {
  if (way == Way::exchanged) {
    rename_in(folder, move.from, move.to, RENAME_EXCHANGE);
    return;
  }
  rename_onto_nothing(folder, move.to, move.from);
  if (way == Way::aside) rename_onto_nothing(folder, move.aside, move.to);
}

bool try_remove(int folder, const std::string& name) noexcept {
  SystemCalls& sys = system_calls();
  if (sys.unlink(folder, name.c_str(), 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR && errno != EPERM) return false;
  const Descriptor inner(
      open_at(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!inner) return false;
  try {
    for (const auto& entry : list_folder(inner.get(), name, Side::output)) try_remove(inner.get(), entry);
  } catch (const std::exception&) {
    return false;  // what could not be listed stays, and is told as such
  }
  return sys.unlink(folder, name.c_str(), AT_REMOVEDIR) == 0;
}

}  // namespace

std::vector<std::string> publish(int folder, std::span<const Move> moves) {
  // What was renamed must be known whatever fails, and after the last rename nothing may: all memory
  // is taken before.
  std::vector<Way> ways;
  std::vector<std::string> left, from, aside;
  ways.reserve(moves.size());
  left.reserve(moves.size());
  for (const Move& move : moves) {
    from.push_back(move.from);
    aside.push_back(move.aside);
  }
  try {
    for (const Move& move : moves) ways.push_back(carry_out(folder, move));
    sync_folder(folder, moves.back().shown);
  } catch (...) {  // memory may run out, too
    for (size_t i = ways.size(); i-- > 0;) take_back(folder, moves[i], ways[i]);
    throw;
  }
  for (size_t i = 0; i < moves.size(); ++i) {
    if (ways[i] == Way::exchanged) left.push_back(std::move(from[i]));
    if (ways[i] == Way::aside) left.push_back(std::move(aside[i]));
  }
  return left;
}

void sync_folder(int fd, const std::string& shown) {
  // EINVAL: a file system that has nothing to sync for folders.
  if (system_calls().fsync(fd) != 0 && errno != EINVAL) fail_sync(shown, errno);
}

bool remove_tree(int folder, const std::string& name) noexcept {
  // Twice: network file systems have errors that pass.
  return try_remove(folder, name) || try_remove(folder, name);
}

}  // namespace recast

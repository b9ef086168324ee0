#include "cli/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "cli/html.h"
#include "io/staging_name.h"
#include "io/system.h"

namespace recast::cli {

namespace {

namespace fs = std::filesystem;

// Into what is there: a device, a pipe, or one of the streams by its name in /dev. A rename would
// put a file in the place of the device.
void write_into(const std::string& path, std::string_view text, std::string_view option) {
  Descriptor fd(open_at(AT_FDCWD, path.c_str(),
                        O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd) fail_text(option, path, errno);
  ::fcntl(fd.get(), F_SETFL, O_APPEND);  // not to hang on a pipe without a reader was all it was for
  if (const int error = write_all(fd.get(), text)) fail_text(option, path, error);
}

// 0, or the errno of what failed.
int write_part(const fs::path& part, const struct stat* old, std::string_view text) {
  Descriptor fd(open_at(AT_FDCWD, part.c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd) return errno;
  if (old) ::fchmod(fd.get(), old->st_mode & 07777);  // some file systems have no modes
  if (const int error = write_all(fd.get(), text)) return error;
  if (::fsync(fd.get()) != 0) return errno;
  return ::close(fd.release()) != 0 && errno != EINTR ? errno : 0;
}

// Whether an existing file is a report, a plan or empty: what an earlier run wrote.
bool is_ours(const std::string& path) {
  Descriptor fd(open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  char text[4096];
  const ssize_t n = fd ? ::pread(fd.get(), text, sizeof(text), 0) : -1;
  const std::string_view start(text, n > 0 ? static_cast<size_t>(n) : 0);
  const auto holds = [&](std::string_view key) { return start.find(key) != start.npos; };
  return n == 0 || start.starts_with("source") || start.starts_with("reference") ||
         is_html_page(start) ||
         (start.starts_with("{") && holds("\"recast\"") &&
          (holds("\"source\"") || holds("\"reference\"")));
}

}  // namespace

void check_text_target(const std::string& path, std::string_view option, bool force,
                       std::span<const std::string> taken) {
  if (path.empty()) return;
  struct stat there, other;
  if (::stat(path.c_str(), &there) != 0) {
    if (errno != ENOENT) fail_text(option, path, errno);
    const fs::path parent = fs::path(path).parent_path();
    if (::access(parent.empty() ? "." : parent.c_str(), W_OK | X_OK) != 0)
      fail_text(option, path, errno);
    return;
  }
  for (const std::string& name : taken)
    if (::stat(name.c_str(), &other) == 0 && other.st_ino == there.st_ino &&
        other.st_dev == there.st_dev)
      fail(codes::output_is_input, {.where = std::string(option),
                                    .found = printable(name),
                                    .fix = "name another file",
                                    .file = printable(path)});
  if (S_ISREG(there.st_mode) && !force && !is_ours(path))
    fail(codes::output_exists, {.where = std::string(option),
                                .expected = "no file, or one that an earlier run wrote",
                                .file = printable(path)});
}

std::vector<std::string> files_at(const std::string& path) {
  std::vector<std::string> out{path};
  const Descriptor folder(
      open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return out;  // one file, or what the run itself will refuse
  for (const std::string& name : list_folder(folder.get(), path))
    out.push_back(join_path(path, name));
  return out;
}

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

void fail_text(std::string_view where, std::string_view path, int error) {
  const ErrorCode& code = error == ENOSPC || error == EDQUOT ? codes::no_space
                          : error == EFBIG                   ? codes::file_size_limit
                                                             : codes::text_unwritable;
  fail(code, {.where = std::string(where), .found = std::strerror(error), .file = printable(path)});
}

void write_text_file(const std::string& path, std::string_view text, std::string_view option) {
  struct stat old;
  const bool exists = ::stat(path.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) fail_text(option, path, errno);
  if (exists && S_ISDIR(old.st_mode)) fail_text(option, path, EISDIR);
  const bool stream = path.starts_with("/dev/") || path.starts_with("/proc/");
  if (exists && (!S_ISREG(old.st_mode) || stream)) return write_into(path, text, option);
  // Through a link: the file that it points at is replaced, not the link.
  std::error_code error;
  const fs::path target = fs::weakly_canonical(path, error);
  if (error) fail_text(option, path, error.value());
  const fs::path part = target.parent_path() / new_part_name(target.filename().string());
  int failed = write_part(part, exists ? &old : nullptr, text);
  if (failed == 0 && ::rename(part.c_str(), target.c_str()) != 0) failed = errno;
  if (failed == 0) return;
  ::unlink(part.c_str());
  fail_text(option, path, failed);
}

}  // namespace recast::cli

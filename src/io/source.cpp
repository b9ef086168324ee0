#include "io/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>

#include "io/open_files.h"
#include "io/system.h"

namespace recast {

namespace {

constexpr int open_flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

// The blobs folder "…/models--ORG--NAME/blobs" when the folder is a hub cache snapshot
// "…/models--ORG--NAME/snapshots/REV", else empty. Cache layout: huggingface_hub, file_download.
std::string blobs_of(const std::filesystem::path& folder) {
  const auto snapshots = folder.parent_path();
  const auto repository = snapshots.parent_path();
  if (snapshots.filename() != "snapshots") return {};
  if (!repository.filename().string().starts_with("models--")) return {};
  return (repository / "blobs").string();
}

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

// A folder that opens names beneath itself.
class Folder {
 public:
  Folder(Descriptor fd, std::string path, ReadMode mode)
      : fd_(std::move(fd)), path_(std::move(path)), mode_(mode), real_path_(real_path_of(fd_.get())) {
    blobs_ = blobs_of(real_path_);
  }

  std::vector<std::string> list() const { return list_folder(fd_.get(), path_); }

  std::vector<std::string> list(std::string_view name) const {
    check_relative_name(name);
    const std::string shown = join_path(path_, name);
    const Descriptor fd(open_beneath(std::string(name), shown));
    struct stat st;
    if (!fd) return {};
    if (system_calls().fstat(fd.get(), &st) != 0) fail_read("look at", shown, errno);
    if (!S_ISDIR(st.st_mode)) return {};
    return list_folder(fd.get(), shown);
  }

  // Null when there is no such entry.
  std::shared_ptr<const File> find(std::string_view name) const {
    check_relative_name(name);
    const std::string relative(name);
    const std::string shown = join_path(path_, name);
    Descriptor fd(open_beneath(relative, shown));
    if (!fd) return nullptr;
    return adopt_file(fd.release(), shown, mode_);
  }

 private:
  // -1 when there is no such entry.
  int open_beneath(const std::string& name, const std::string& shown) const {
    const open_how how = {
        .flags = open_flags, .mode = 0, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    // EAGAIN also says that a rename beside us made the kernel unsure.
    const int fd =
        persistently([&] { return system_calls().open2(fd_.get(), name.c_str(), &how); });
    if (fd >= 0) return fd;
    // A kernel without openat2, or a link out of the folder: judge by where the link led.
    const bool outside = errno == EXDEV;
    if (outside ? blobs_.empty() : errno != ENOSYS) return explain(errno, shown);
    Descriptor opened(open_at(fd_.get(), name.c_str(), open_flags));
    if (!opened) return explain(errno, shown);
    const std::string target = real_path_of(opened.get());
    if (outside ? !inside(target, blobs_) : !inside(target, real_path_) && !inside(target, blobs_))
      return explain(EXDEV, shown);
    return opened.release();
  }

  static bool inside(const std::string& path, const std::string& folder) {
    return !folder.empty() && path.starts_with(folder) && path.size() > folder.size() &&
           (folder == "/" || path[folder.size()] == '/');
  }

  static int explain(int error, const std::string& shown) {
    if (error == ENOENT || error == ENOTDIR) return -1;
    if (error == EXDEV)
      fail(codes::unsafe_link, {.expected = "a symlink that stays inside the folder of the model",
                                .found = "one that leaves it",
                                .file = shown});
    if (error == ENXIO)
      fail(codes::not_a_file, {.expected = "a regular file", .found = "a socket", .file = shown});
    fail_read("open", shown, error);
  }

  Descriptor fd_;
  std::string path_;
  ReadMode mode_;
  std::string real_path_;
  std::string blobs_;
};

class LocalSource : public Source {
 public:
  LocalSource(std::string path, std::shared_ptr<const File> file, Folder folder)
      : path_(std::move(path)), file_(std::move(file)), folder_(std::move(folder)) {}

  bool is_folder() const override { return file_ == nullptr; }
  const std::string& path() const override { return path_; }
  std::string base_name() const override {
    std::error_code no_folder;  // the current one may be gone; a relative name then stays one
    auto path = std::filesystem::absolute(path_, no_folder).lexically_normal();
    if (no_folder) path = std::filesystem::path(path_).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();  // the trailing slash
    return path.filename().string();
  }
  std::shared_ptr<const File> file() const override { return file_; }
  std::vector<std::string> list() const override { return folder_.list(); }
  std::vector<std::string> list(std::string_view folder) const override {
    return folder_.list(folder);
  }
  std::shared_ptr<const File> open(std::string_view name) const override {
    if (auto file = folder_.find(name)) return file;
    fail(codes::file_missing, {.file = join_path(file_ ? parent_of(path_) : path_, name)});
  }
  std::shared_ptr<const File> find(std::string_view name) const override {
    return folder_.find(name);
  }

 private:
  const std::string path_;
  const std::shared_ptr<const File> file_;
  const Folder folder_;
};

Folder open_folder(const std::string& path, ReadMode mode) {
  Descriptor fd(open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail_read("open", path, errno);
  return Folder(std::move(fd), path, mode);
}

}  // namespace

std::shared_ptr<const Source> open_source(const std::string& path, ReadMode mode) {
  struct stat st;
  if (persistently([&] { return system_calls().stat(AT_FDCWD, path.c_str(), &st, 0); }) != 0)
    fail_read("look at", path, errno);
  if (S_ISDIR(st.st_mode))
    return std::make_shared<LocalSource>(path, nullptr, open_folder(path, mode));
  auto file = open_file(path, mode);
  return std::make_shared<LocalSource>(path, std::move(file), open_folder(parent_of(path), mode));
}

void check_relative_name(std::string_view name) {
  const auto refuse = [&](std::string_view why) {
    fail(codes::unsafe_name, {.where = fmt::format("name \"{}\"", printable(name)),
                              .expected = "a relative name inside the folder",
                              .found = std::string(why)});
  };
  if (name.empty()) refuse("an empty name");
  if (name.size() >= PATH_MAX) refuse(fmt::format("{} bytes", name.size()));
  if (name.front() == '/') refuse("an absolute path");
  if (name.find('\0') != name.npos) refuse("a NUL byte");
  if (name.find('\\') != name.npos) refuse("a backslash");
  const bool letter = (name[0] >= 'A' && name[0] <= 'Z') || (name[0] >= 'a' && name[0] <= 'z');
  if (letter && name.size() > 1 && name[1] == ':') refuse("a drive letter");
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (part.empty()) refuse("an empty part");
    if (part == "." || part == "..") refuse(fmt::format("the part \"{}\"", part));
    start = end + 1;
  }
}

}  // namespace recast

#include "io/output_check.h"

#include <fmt/format.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/checked_math.h"
#include "io/source.h"
#include "io/staging_name.h"

namespace recast {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t spare_bytes = uint64_t{64} << 20;
constexpr uint64_t little_bytes = uint64_t{5} << 30;
constexpr int most_links = 40;  // as the kernel follows

// File systems that give every byte of a file its place on the disk. No call tells; what is not
// listed has holes, or an own way to be found out (a write that meets a full disk).
bool has_holes(int folder) {
  constexpr long exfat = 0x2011BAB0, hfs = 0x4244, hfs_plus = 0x482B;  // statfs(2)
  struct statfs st;
  if (system_calls().fstatfs(folder, &st) != 0) return true;
  const auto type = static_cast<long>(st.f_type);
  return type != MSDOS_SUPER_MAGIC && type != exfat && type != hfs && type != hfs_plus;
}

void check_name(const std::string& name, const std::string& folder) {
  const std::string shown = join_path(folder, name);
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
      name.find('\0') != name.npos)
    fail(codes::bad_value, {.where = "the name of the output",
                            .expected = "a plain file name",
                            .found = fmt::format("\"{}\"", printable(name)),
                            .file = shown});
  if (name.size() > NAME_MAX || shown.size() >= PATH_MAX)
    fail(codes::name_too_long,
         {.expected = fmt::format("a name of at most {} bytes, a path of at most {}", NAME_MAX,
                                  PATH_MAX - 1),
          .found = fmt::format("a name of {} bytes, a path of {}", name.size(), shown.size()),
          .file = shown});
}

void check_names(const OutputOptions& options) {
  check_name(options.name, options.folder);
  for (const auto& file : options.files) {
    if (options.kind == OutputKind::files)
      check_name(file.name, options.folder);
    else
      check_relative_name(file.name);
  }
}

// The folder, or with make_folders its nearest existing parent.
void open_folder(const OutputOptions& options, OutputPlace& place) {
  std::string path = place.folder.empty() ? "." : place.folder;
  for (;;) {
    place.fd = Descriptor(open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (place.fd) return;
    const int error = errno;
    if (error == EACCES)
      fail(codes::output_folder_unwritable, {.found = errno_text(error), .file = path});
    if (error == ENOTDIR)
      fail(codes::output_folder_missing, {.expected = "a folder",
                                          .found = "a file in the place of a folder",
                                          .fix = "name another folder",
                                          .file = path});
    if (error != ENOENT) fail_write("open the folder", path, error);
    if (!options.make_folders) fail(codes::output_folder_missing, {.file = path});
    place.missing = true;
    // A dangling link cannot be made into a folder; its parent is not the place either.
    std::error_code none;
    if (fs::is_symlink(path, none)) fail(codes::output_link, {.file = path});
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    const fs::path parent = fs::path(path).parent_path();
    path = (parent.empty() ? fs::path(".") : parent).string();
  }
}

// Goes where links lead: the place moves to the folder and name of what they point at.
void follow_links(const OutputOptions& options, OutputPlace& place) {
  for (int i = 0; i < most_links; ++i) {
    const std::string path = join_path(place.folder, place.name);
    char text[PATH_MAX];
    const ssize_t n = ::readlinkat(place.fd.get(), place.name.c_str(), text, sizeof(text));
    if (n < 0) return;  // no link, or nothing: what it is gets checked next
    const std::string target(text, text + std::min<ssize_t>(n, sizeof(text)));
    if (!options.follow_links)
      fail(codes::output_link,
           {.found = fmt::format("a link to {}", printable(target)), .file = path});
    const fs::path next = fs::path(place.folder) / target;
    place.folder = (next.has_parent_path() ? next.parent_path() : fs::path(".")).string();
    place.name = next.filename().string();
    check_name(place.name, place.folder);
    open_folder(options, place);
    if (place.missing) fail(codes::output_folder_missing, {.fix = "make it", .file = place.folder});
  }
  fail_write("follow the link", place.shown(place.name), ELOOP);
}

void refuse_input(const OutputOptions& options, const struct stat& st, const std::string& shown,
                  std::string_view what) {
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    if (options.inputs[i].device != st.st_dev || options.inputs[i].inode != st.st_ino) continue;
    const std::string name = i < options.input_names.size() ? printable(options.input_names[i])
                                                            : fmt::format("number {}", i + 1);
    fail(codes::output_is_input, {.found = fmt::format("{} input {}", what, name), .file = shown});
  }
}

// Through links: an output that leads to an input is that before it is a link.
void refuse_same_file(const OutputOptions& options, const OutputPlace& place,
                      const std::string& name) {
  struct stat st;
  if (system_calls().stat(place.fd.get(), name.c_str(), &st, 0) == 0)
    refuse_input(options, st, place.shown(name), "the same file as");
  else if (errno != ENOENT && errno != ELOOP)
    fail_write("look at", place.shown(name), errno);
}

// An old folder is replaced whole: no input may lie in it.
void refuse_inputs_beneath(const OutputOptions& options, int folder, const std::string& shown) {
  SystemCalls& sys = system_calls();
  for (const auto& name : list_folder(folder, shown, Side::output)) {
    struct stat st;
    const std::string path = join_path(shown, name);
    if (sys.stat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
      fail_write("look at", path, errno);
    refuse_input(options, st, path, "a folder that holds");
    if (!S_ISDIR(st.st_mode)) continue;
    const Descriptor inner(
        open_at(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner) fail_write("open the old folder", path, errno);
    refuse_inputs_beneath(options, inner.get(), path);
  }
}

OutputPlace::Target look_at(const OutputOptions& options, const OutputPlace& place,
                            const std::string& name) {
  OutputPlace::Target target{.name = name};
  const std::string shown = place.shown(name);
  SystemCalls& sys = system_calls();
  struct stat st;
  refuse_same_file(options, place, name);
  if (sys.stat(place.fd.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return target;
    fail_write("look at", shown, errno);
  }
  if (S_ISLNK(st.st_mode)) fail(codes::output_link, {.file = shown});
  if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
    fail(codes::output_not_regular, {.file = shown});
  if (S_ISDIR(st.st_mode) != (options.kind == OutputKind::folder))
    fail(codes::bad_value, {.where = "the name of the output",
                            .expected = S_ISDIR(st.st_mode) ? "a file" : "a folder",
                            .found = S_ISDIR(st.st_mode) ? "a folder" : "a file",
                            .fix = "name another output",
                            .file = shown});
  target.exists = true;
  target.mode = st.st_mode & 07777;
  target.inode = st.st_ino;
  if (options.kind == OutputKind::folder && options.force && !options.inputs.empty()) {
    const Descriptor old(
        open_at(place.fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!old) fail_write("open the old folder", shown, errno);
    refuse_inputs_beneath(options, old.get(), shown);
  }
  return target;
}

}  // namespace

std::string OutputPlace::shown(const std::string& name_inside) const {
  return join_path(folder, name_inside);
}

OutputPlace find_place(const OutputOptions& options) {
  check_names(options);
  OutputPlace place;
  place.folder = options.folder;
  place.name = options.name;
  open_folder(options, place);
  if (!place.missing) {
    // Before the link is refused: a link to an input is a conflict that names the input.
    refuse_same_file(options, place, place.name);
    follow_links(options, place);
  }
  const bool whole_folder = options.kind == OutputKind::folder;
  std::vector<std::string> names;
  if (whole_folder) names.push_back(place.name);
  for (const auto& file : options.files)
    if (!whole_folder) names.push_back(file.name == options.name ? place.name : file.name);
  for (const auto& name : names)
    place.targets.push_back(place.missing ? OutputPlace::Target{.name = name}
                                          : look_at(options, place, name));
  if (::faccessat(place.fd.get(), ".", W_OK | X_OK, AT_EACCESS) != 0)
    fail(codes::output_folder_unwritable,
         {.found = errno_text(errno), .file = place.folder.empty() ? "." : place.folder});
  return place;
}

std::optional<JournalContent> find_journal(const OutputOptions& options, const OutputPlace& place) {
  std::optional<JournalContent> journal;
  const std::string name = journal_name(place.name);
  if (!place.missing && !options.restart)
    journal = read_journal(place.fd.get(), name, place.shown(name));
  if (!journal && options.demand_journal) fail(codes::journal_missing, {.file = place.shown(name)});
  if (journal && journal->plan.fingerprint != options.plan_fingerprint)
    fail(codes::journal_mismatch,
         {.expected = fmt::format("plan {}", printable(options.plan_fingerprint)),
          .found = fmt::format("plan {}", printable(journal->plan.fingerprint)),
          .file = place.shown(name)});
  return journal;
}

bool finished(const JournalContent& journal, const OutputPlace& place) {
  if (!journal.committed || place.targets.empty()) return false;
  const uint64_t inode = journal.plan.folder_part.empty()
                             ? (journal.plan.files.empty() ? 0 : journal.plan.files[0].inode)
                             : journal.plan.folder_inode;
  return place.targets[0].exists && place.targets[0].inode == inode;
}

void refuse_existing(const OutputOptions& options, const OutputPlace& place,
                     const std::optional<JournalContent>& journal) {
  if (options.force) return;
  const bool undone = journal && journal->committed && !finished(*journal, place);
  for (const auto& target : place.targets) {
    if (!target.exists) continue;
    const auto ours = [&](const JournalPlan::File& file) {
      return file.name == target.name && file.inode == target.inode;
    };
    if (undone && std::any_of(journal->plan.files.begin(), journal->plan.files.end(), ours))
      continue;
    fail(codes::output_exists, {.file = place.shown(target.name)});
  }
}

uint64_t present_bytes(const OutputPlace& place, const JournalPlan& plan) {
  uint64_t bytes = 0;
  for (const auto& file : plan.files) {
    const std::string path =
        plan.folder_part.empty() ? file.part : join_path(plan.folder_part, file.part);
    struct stat st;
    if (system_calls().stat(place.fd.get(), path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
      bytes += uint64_t{512} * static_cast<uint64_t>(st.st_blocks);
  }
  return bytes;
}

uint64_t disk_bytes_of(const std::vector<OutputFileSpec>& files, int folder) {
  const bool holes = has_holes(folder);
  uint64_t bytes = 0;
  for (const auto& file : files) {
    const auto sum = checked_add(bytes, file.bytes - (holes ? file.hole_bytes : 0));
    bytes = sum ? *sum : UINT64_MAX;
  }
  return bytes;
}

std::optional<Finding> check_space(const OutputOptions& options, const OutputPlace& place,
                                   uint64_t present_bytes) {
  if (options.skip_disk_check) return std::nullopt;
  const auto sum = checked_add(spare_bytes, disk_bytes_of(options.files, place.fd.get()));
  uint64_t needed = sum ? *sum : UINT64_MAX;
  needed -= std::min(present_bytes, needed - spare_bytes);
  struct statvfs st;
  if (system_calls().statvfs(place.fd.get(), &st) != 0)
    fail_write("ask for the free space of", place.shown(place.name), errno);
  const uint64_t free = uint64_t{st.f_bavail} * st.f_frsize;
  const auto gib = [](uint64_t bytes) {
    return fmt::format("{} bytes ({:.2f} GiB)", bytes, static_cast<double>(bytes) / (1u << 30));
  };
  ErrorFacts facts{.expected = fmt::format("{} free", gib(needed)),
                   .found = gib(free),
                   .file = place.shown(place.name)};
  if (free < needed) {
    facts.fix =
        fmt::format("free {}, choose a smaller type, or --skip-disk-check", gib(needed - free));
    fail(codes::disk_space, std::move(facts));
  }
  const uint64_t left = free - (needed - spare_bytes);
  if (left >= little_bytes) return std::nullopt;
  facts.expected = fmt::format("{} left after the output", gib(little_bytes));
  facts.found = gib(left);
  return Finding(codes::disk_nearly_full, std::move(facts));
}

}  // namespace recast

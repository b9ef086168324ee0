// How an output begins: checks, lock, what earlier runs left, part files.

#include <fmt/format.h>
#include <linux/fs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "io/durable_output.h"
#include "io/staging_name.h"

namespace recast {

namespace {

// A file that outgrows RLIMIT_FSIZE shall end the write with EFBIG, not the process.
void ignore_file_size_signal() {
  struct sigaction now;
  if (::sigaction(SIGXFSZ, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
    ::signal(SIGXFSZ, SIG_IGN);
}

// The umask, read without changing it: other threads may be making files.
mode_t current_umask() {
  std::ifstream status("/proc/self/status");
  unsigned mask = 022;
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Umask:\t"))
      std::from_chars(line.data() + 7, line.data() + line.size(), mask, 8);
  return mask;
}

// False when there is no such entry.
bool stat_in(int folder, const std::string& name, struct stat& st) {
  if (system_calls().stat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno != ENOENT) fail_write("look at", name, errno);
  return false;
}

int open_folder_in(int folder, const std::string& name) {
  return open_at(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

}  // namespace

std::unique_ptr<Output> Output::open(OutputOptions options) {
  auto output = std::make_unique<DurableOutput>(std::move(options));
  output->prepare();
  return output;
}

void Output::check(const OutputOptions& options) {
  const OutputPlace place = find_place(options);
  if (!place.missing)
    OutputLock::check(place.fd.get(), lock_name(place.name), place.shown(place.name));
  const auto journal = find_journal(options, place);
  refuse_existing(options, place, journal);
  check_space(options, place, journal ? present_bytes(place, journal->plan) : 0);
}

uint64_t Output::disk_bytes(const std::vector<OutputFileSpec>& files, const std::string& folder) {
  // Where the folder cannot be looked at, the run will say so.
  std::string path = folder.empty() ? "." : folder;
  Descriptor fd;
  for (;;) {
    fd = Descriptor(open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::string parent = std::filesystem::path(path).parent_path().string();
    if (fd || errno != ENOENT || parent == path) break;
    path = parent.empty() ? "." : parent;
  }
  return disk_bytes_of(files, fd.get());
}

void DurableOutput::prepare() {
  ignore_file_size_signal();
  umask_ = current_umask();
  find_and_lock();
  recover_old_folder();
  settle_journal();
  if (journal_) keep_ = true;  // what is refused from here on must not cost the earlier run's work
  refuse_existing(options_, place_, std::nullopt);
  if (auto warning = check_space(options_, place_, present_bytes_))
    warnings_.push_back(std::move(*warning));
  remove_stale_parts();
  if (!journal_) make_parts();
  keep_ = false;
}

void DurableOutput::find_and_lock() {
  place_ = find_place(options_);
  if (place_.missing) {
    // Not before the disk has the room: nothing is made for an output that cannot be.
    check_space(options_, place_, 0);
    made_folders_.make(options_.folder);
    place_ = find_place(options_);
  }
  lock_ = OutputLock::take(place_.fd.get(), lock_name(place_.name), place_.shown(place_.name));
  // Once more, now that no other run changes it: one may just have ended.
  for (auto& target : place_.targets) {
    struct stat st;
    target.exists = stat_in(place_.fd.get(), target.name, st);
    if (!target.exists) continue;
    target.mode = st.st_mode & 07777;
    target.inode = st.st_ino;
  }
}

// Decides whether an earlier run is continued: then journal_ is set and the parts are taken over.
void DurableOutput::settle_journal() {
  const std::string name = journal_name(place_.name);
  auto journal = find_journal(options_, place_);
  if (journal && finished(*journal, place_)) {
    clear_finished(*journal);
    journal.reset();
  }
  refuse_existing(options_, place_, journal);
  if (journal) {
    undo_renames(*journal);
    if (adopt_parts(*journal)) {
      journal_ = Journal::resume(place_.fd.get(), name, place_.shown(name), *journal);
      resumed_ = std::move(journal->done);
      present_bytes_ = present_bytes(place_, journal->plan);
      notes_.push_back(fmt::format("continues an earlier run: {} steps are done", resumed_.size()));
      return;
    }
    notes_.emplace_back("the part files of an earlier run are gone or changed: starting over");
  }
  struct stat st;
  if (stat_in(place_.fd.get(), name, st)) remove_with_note(name);
}

// The run died after its last rename: only leftovers are left to do away with.
void DurableOutput::clear_finished(const JournalContent& journal) {
  notes_.emplace_back("removed the journal of a run that had finished");
  if (!journal.plan.folder_part.empty()) remove_with_note(journal.plan.folder_part);
  for (const auto& file : journal.plan.files)
    if (journal.plan.folder_part.empty()) remove_with_note(file.part);
  remove_with_note(journal_name(place_.name));
}

// The run died among its renames: what has its final name gets its part name back, and what it
// replaced returns.
void DurableOutput::undo_renames(const JournalContent& journal) {
  if (!journal.committed || whole_folder_) return;
  const int folder = place_.fd.get();
  for (const auto& file : journal.plan.files)
    for (auto& target : place_.targets) {
      if (file.name != target.name || !target.exists || target.inode != file.inode) continue;
      struct stat old;
      const bool old_waits = stat_in(folder, file.part, old);
      if (system_calls().rename(folder, target.name.c_str(), folder, file.part.c_str(),
                                old_waits ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0)
        fail_write("take back the rename to", place_.shown(target.name), errno);
      target.exists = old_waits;
      if (old_waits) target.mode = old.st_mode & 07777;
    }
}

// Goes on with the part files of the journal. False when one is not what the journal says.
bool DurableOutput::adopt_parts(const JournalContent& journal) {
  const JournalPlan& plan = journal.plan;
  if (plan.files.size() != options_.files.size() || whole_folder_ == plan.folder_part.empty())
    return false;
  Descriptor staging;
  if (whole_folder_) staging = Descriptor(open_folder_in(place_.fd.get(), plan.folder_part));
  if (whole_folder_ && !staging) return false;
  const int folder = whole_folder_ ? staging.get() : place_.fd.get();
  for (size_t i = 0; i < plan.files.size(); ++i) {
    const auto& file = plan.files[i];
    const auto& name = whole_folder_ ? options_.files[i].name : place_.targets[i].name;
    struct stat st;
    if (file.name != name || file.bytes != options_.files[i].bytes ||
        !stat_in(folder, file.part, st) || !S_ISREG(st.st_mode) || st.st_ino != file.inode ||
        static_cast<uint64_t>(st.st_size) != file.bytes)
      return false;
  }
  staging_ = std::move(staging);
  folder_part_ = plan.folder_part;
  parts_.set_folder(folder);
  for (size_t i = 0; i < plan.files.size(); ++i) {
    parts_.adopt(part_of(i, plan.files[i].part));
    if (whole_folder_) note_inner_folders(plan.files[i].name);
  }
  return true;
}

// A run died between setting the old folder aside and putting the new one there.
void DurableOutput::recover_old_folder() {
  if (!whole_folder_) return;
  auto& target = place_.targets.front();
  for (const auto& name : list_folder(place_.fd.get(), place_.folder, Side::output)) {
    if (!is_old_name(name, target.name)) continue;
    struct stat st;
    if (target.exists || !stat_in(place_.fd.get(), name, st)) {
      remove_with_note(name);
      continue;
    }
    if (system_calls().rename(place_.fd.get(), name.c_str(), place_.fd.get(), target.name.c_str(),
                              0) != 0)
      fail_write("put back the old folder", place_.shown(target.name), errno);
    target = {.name = target.name,
              .exists = true,
              .mode = static_cast<mode_t>(st.st_mode & 07777),
              .inode = st.st_ino};
    notes_.emplace_back("put back the old folder that a dead run had set aside");
  }
}

// The lock proves that nobody writes them, and no journal that is continued names them.
void DurableOutput::remove_stale_parts() {
  std::set<std::string> named{folder_part_};
  for (size_t i = 0; i < parts_.size(); ++i) named.insert(parts_.part(i).path);
  for (const auto& name : list_folder(place_.fd.get(), place_.folder, Side::output)) {
    if (name[0] != '.' || name.find(".part-") == name.npos || named.contains(name)) continue;
    const bool stale = std::any_of(
        place_.targets.begin(), place_.targets.end(),
        [&](const OutputPlace::Target& target) { return is_part_name(name, target.name); });
    if (!stale) continue;
    if (remove_tree(place_.fd.get(), name))
      notes_.push_back(fmt::format("removed {}, which a dead run had left", printable(name)));
    else
      notes_.push_back(
          fmt::format("could not remove {}, which a dead run had left", printable(name)));
  }
}

PartFiles::Part DurableOutput::part_of(size_t file, std::string path) const {
  const auto& spec = options_.files[file];
  PartFiles::Part part{.path = std::move(path),
                       .bytes = spec.bytes,
                       .hole_bytes = spec.hole_bytes,
                       .mode = 0666 & ~umask_};
  if (whole_folder_) {
    part.shown = join_path(place_.shown(place_.name), spec.name);
    return part;
  }
  const auto& target = place_.targets[file];
  part.shown = place_.shown(target.name);
  if (target.exists) part.mode = target.mode;
  return part;
}

void DurableOutput::note_inner_folders(const std::string& file_name) {
  for (size_t slash = file_name.find('/'); slash != file_name.npos;
       slash = file_name.find('/', slash + 1))
    inner_folders_.insert(file_name.substr(0, slash));
}

void DurableOutput::make_staging_folder() {
  const std::string name = new_part_name(place_.name);
  const std::string shown = place_.shown(place_.name);
  if (system_calls().mkdir(place_.fd.get(), name.c_str(), 0700) != 0)
    fail_write("make the folder for", shown, errno);
  folder_part_ = name;
  staging_ = Descriptor(open_folder_in(place_.fd.get(), name));
  if (!staging_) fail_write("open the folder for", shown, errno);
  for (const auto& file : options_.files) note_inner_folders(file.name);
  make_inner_folders();
}

void DurableOutput::make_inner_folders() {
  for (const auto& inner : inner_folders_)
    if (system_calls().mkdir(staging_.get(), inner.c_str(), 0777) != 0 && errno != EEXIST)
      fail_write("make the folder", join_path(place_.shown(place_.name), inner), errno);
}

void DurableOutput::make_parts() {
  JournalPlan plan{.fingerprint = options_.plan_fingerprint};
  if (whole_folder_) make_staging_folder();
  parts_.set_folder(whole_folder_ ? staging_.get() : place_.fd.get());
  for (size_t i = 0; i < options_.files.size(); ++i) {
    const std::string& name = whole_folder_ ? options_.files[i].name : place_.targets[i].name;
    const std::string path = whole_folder_ ? name : new_part_name(name);
    const uint64_t inode = parts_.create(part_of(i, path), !options_.skip_disk_check);
    plan.files.push_back({name, path, options_.files[i].bytes, inode});
  }
  if (!options_.journal) return;
  struct stat st;
  if (whole_folder_ && system_calls().fstat(staging_.get(), &st) != 0)
    fail_write("look at the folder for", place_.shown(place_.name), errno);
  plan.folder_part = folder_part_;
  plan.folder_inode = whole_folder_ ? st.st_ino : 0;
  const std::string name = journal_name(place_.name);
  journal_.emplace();  // from here on its file is ours to remove
  *journal_ = Journal::create(place_.fd.get(), name, place_.shown(name), plan);
  sync_folder(place_.fd.get(), place_.folder);
}

}  // namespace recast

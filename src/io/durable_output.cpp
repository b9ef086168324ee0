#include "io/durable_output.h"

#include <fmt/format.h>

#include <cassert>
#include <cerrno>

#include "io/source.h"
#include "io/staging_name.h"

namespace recast {

namespace {
constexpr auto journal_interval = std::chrono::seconds(5);
}  // namespace

DurableOutput::~DurableOutput() {
  if (!committed_ && !keep_) remove_own_files();
  if (committed_ || keep_) made_folders_.keep();
  lock_.release();
}

void DurableOutput::write_at(size_t file, uint64_t offset, std::span<const std::byte> bytes) {
  parts_.write_at(file, offset, bytes);
}

void DurableOutput::step_done(int64_t step, Hash128 hash, uint64_t bytes) {
  if (!journal_) return;
  {
    const std::lock_guard lock(pending_mutex_);
    pending_.push_back({step, hash});
    pending_bytes_ += bytes;
    if (pending_bytes_ < options_.journal_batch_bytes &&
        std::chrono::steady_clock::now() - last_record_ < journal_interval)
      return;
  }
  flush_journal();
}

// The data first, then the record that says so.
void DurableOutput::flush_journal() {
  const std::lock_guard flush(journal_mutex_);
  std::vector<DoneStep> steps;
  {
    const std::lock_guard lock(pending_mutex_);
    steps.swap(pending_);
    pending_bytes_ = 0;
    last_record_ = std::chrono::steady_clock::now();
  }
  if (steps.empty()) return;
  parts_.sync_data();
  journal_->append_done(steps);
}

void DurableOutput::sync() {
  parts_.sync_all();
  sync_folders();
  if (journal_) flush_journal();
}

void DurableOutput::sync_folders() {
  if (!whole_folder_) return;
  const std::string shown = place_.shown(place_.name);
  for (const auto& name : inner_folders_) {
    const Descriptor fd(open_at(staging_.get(), name.c_str(),
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) fail_write("open the folder", join_path(shown, name), errno);
    sync_folder(fd.get(), join_path(shown, name));
  }
  const auto& target = place_.targets.front();
  const mode_t mode = target.exists ? target.mode : 0777 & ~umask_;
  if (system_calls().chmod(staging_.get(), mode) != 0) fail_write("set the mode", shown, errno);
  sync_folder(staging_.get(), shown);
}

std::shared_ptr<const File> DurableOutput::reopen(size_t file) const {
  const std::string name = part_name(file);
  const int folder = whole_folder_ ? staging_.get() : place_.fd.get();
  const int fd = open_at(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fail_read("open again", parts_.part(file).shown, errno, Side::output);
  return adopt_file(fd, join_path(staging_path(), name), ReadMode::mapped, Side::output);
}

std::string DurableOutput::staging_path() const {
  if (whole_folder_) return place_.shown(folder_part_);
  return place_.folder.empty() ? "." : place_.folder;
}

// Side files first, the main file last: a reader that follows the main file never sees a mixture.
std::vector<Move> DurableOutput::moves() const {
  std::vector<Move> moves;
  const auto add = [&](const std::string& part, const OutputPlace::Target& target) {
    moves.push_back({.from = part,
                     .to = target.name,
                     .shown = place_.shown(target.name),
                     .replace = target.exists && options_.force,
                     .aside = new_old_name(target.name)});
  };
  if (whole_folder_) {
    add(folder_part_, place_.targets.front());
    return moves;
  }
  for (size_t i = 1; i < parts_.size(); ++i) add(parts_.part(i).path, place_.targets[i]);
  add(parts_.part(0).path, place_.targets[0]);
  return moves;
}

void DurableOutput::rename(size_t file, const std::string& name) {
  assert(whole_folder_);
  if (name == part_name(file)) return;
  check_relative_name(name);
  note_inner_folders(name);
  make_inner_folders();
  parts_.rename(file, name, join_path(place_.shown(place_.name), name));
}

void DurableOutput::commit() {
  assert(!committed_);
  sync();
  parts_.close_all();
  if (journal_) {
    journal_->append_commit();
    journal_->close();
  }
  made_folders_.sync();
  const std::string journal = journal_name(place_.name);  // now: after the renames nothing fails
  const auto old = publish(place_.fd.get(), moves());
  // The output exists: from here on nothing fails, what cannot be removed is told.
  committed_ = true;
  for (const auto& name : old) remove_with_note(name);
  if (journal_) remove_with_note(journal);
  if (!lock_.release())
    notes_.push_back("could not remove " + printable(place_.shown(lock_name(place_.name))));
}

void DurableOutput::keep_for_resume() {
  if (!journal_) return;
  flush_journal();
  keep_ = true;
}

void DurableOutput::remove_own_files() {
  const int folder = place_.fd.get();
  if (folder < 0) return;
  if (!folder_part_.empty()) remove_tree(folder, folder_part_);
  for (size_t i = 0; !whole_folder_ && i < parts_.size(); ++i)
    remove_tree(folder, parts_.part(i).path);
  if (journal_) remove_tree(folder, journal_name(place_.name));
}

void DurableOutput::remove_with_note(const std::string& name) {
  if (!remove_tree(place_.fd.get(), name))
    notes_.push_back("could not remove " + printable(place_.shown(name)));
}

}  // namespace recast

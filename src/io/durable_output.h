#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/journal.h"
#include "io/made_folders.h"
#include "io/output.h"
#include "io/output_check.h"
#include "io/output_lock.h"
#include "io/part_files.h"
#include "io/publish.h"

namespace recast {

// The one implementation of Output. prepare() is in output_prepare.cpp, the rest in
// durable_output.cpp.
class DurableOutput : public Output {
 public:
  explicit DurableOutput(OutputOptions options)
      : options_(std::move(options)), whole_folder_(options_.kind == OutputKind::folder) {}
  ~DurableOutput() override;

  // Checks, locks, and makes the part files or takes over those of an earlier run.
  void prepare();

  void write_at(size_t file, uint64_t offset, std::span<const std::byte> bytes) override;
  const std::vector<DoneStep>& resumed() const override { return resumed_; }
  void step_done(int64_t step, Hash128 hash, uint64_t bytes) override;
  void sync() override;
  std::shared_ptr<const File> reopen(size_t file) const override;
  std::string staging_path() const override;
  std::string part_name(size_t file) const override { return parts_.part(file).path; }
  void rename(size_t file, const std::string& name) override;
  void commit() override;
  void keep_for_resume() override;
  const std::vector<std::string>& notes() const override { return notes_; }
  const std::vector<Finding>& warnings() const override { return warnings_; }

 private:
  void find_and_lock();
  void settle_journal();
  void clear_finished(const JournalContent& journal);
  void undo_renames(const JournalContent& journal);
  bool adopt_parts(const JournalContent& journal);
  void recover_old_folder();
  void remove_stale_parts();
  void make_parts();
  void make_staging_folder();
  PartFiles::Part part_of(size_t file, std::string path) const;
  void note_inner_folders(const std::string& file_name);
  void make_inner_folders();

  void flush_journal();
  void sync_folders();
  std::vector<Move> moves() const;
  void remove_own_files();
  void remove_with_note(const std::string& name);

  OutputOptions options_;
  const bool whole_folder_;
  MadeFolders made_folders_;
  OutputPlace place_;
  OutputLock lock_;
  std::string folder_part_;              // name of the staging folder, once it is there
  Descriptor staging_;                   // that folder
  std::set<std::string> inner_folders_;  // below it, parents before children
  mode_t umask_ = 022;
  PartFiles parts_;
  std::optional<Journal> journal_;
  std::vector<DoneStep> resumed_;
  uint64_t present_bytes_ = 0;  // on the disk already, of what is continued
  std::vector<std::string> notes_;
  std::vector<Finding> warnings_;
  bool keep_ = false;
  bool committed_ = false;

  std::mutex pending_mutex_;  // guards the next three
  std::vector<DoneStep> pending_;
  uint64_t pending_bytes_ = 0;
  std::chrono::steady_clock::time_point last_record_ = std::chrono::steady_clock::now();
  std::mutex journal_mutex_;  // one flush at a time
};

}  // namespace recast

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/output.h"
#include "io/system.h"

namespace recast {

// What a run that can be continued is about to write: the first record of its journal.
struct JournalPlan {
  struct File {
    std::string name;  // final
    std::string part;  // where it stands now
    uint64_t bytes = 0;
    uint64_t inode = 0;  // of the part: tells it from another file once it carries the final name
    bool operator==(const File&) const = default;
  };
  std::string fingerprint;    // OutputOptions::plan_fingerprint
  std::string folder_part;    // the staging folder of OutputKind::folder, else empty
  uint64_t folder_inode = 0;  // of that folder
  std::vector<File> files;
  bool operator==(const JournalPlan&) const = default;
};

struct JournalContent {
  JournalPlan plan;
  std::vector<Output::DoneStep> done;
  bool committed = false;    // all data was synced and the renames had begun
  uint64_t valid_bytes = 0;  // of whole records but `commit`; what follows is cut on resume
  uint64_t next_sequence = 0;
};

// Empty when there is no journal, or one without a whole first record. Throws journal_damaged when
// a record other than the last is broken, or one with a right checksum makes no sense.
std::optional<JournalContent> read_journal(int folder, const std::string& name,
                                           const std::string& shown);

// Appends records: one line each, `SEQUENCE JSON CRC-32C`, synced before append returns. The lines
// of a torn record at the end go when the journal is continued.
class Journal {
 public:
  static Journal create(int folder, const std::string& name, const std::string& shown,
                        const JournalPlan& plan);
  static Journal resume(int folder, const std::string& name, const std::string& shown,
                        const JournalContent& content);
  void append_done(std::span<const Output::DoneStep> steps);
  void append_commit();
  void close() { fd_.close(shown_); }

 private:
  void append(const std::string& json);
  Descriptor fd_;
  std::string shown_;
  uint64_t end_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace recast

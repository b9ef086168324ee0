#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/journal.h"
#include "io/output.h"
#include "io/system.h"

namespace recast {

// Where an output goes, after links, and what stands there now.
struct OutputPlace {
  struct Target {
    std::string name;
    bool exists = false;
    mode_t mode = 0;     // of what exists
    uint64_t inode = 0;  // of what exists
  };
  std::string folder;           // as to print it; relative paths stay relative
  Descriptor fd;                // of the folder; of its nearest existing parent while `missing`
  bool missing = false;         // the folder is still to be made (make_folders)
  std::string name;             // of lock and journal
  std::vector<Target> targets;  // one for each file, or the one new folder

  std::string shown(const std::string& name_inside) const;
};

// Finds the place and checks all that needs no lock: names, folder, links, kinds of what exists,
// inputs, rights. Throws as Output::open.
OutputPlace find_place(const OutputOptions& options);

// The journal of the output when it fits the plan. Throws journal_damaged, journal_mismatch, and
// journal_missing when there is none and one is demanded. With `restart` there is none.
std::optional<JournalContent> find_journal(const OutputOptions& options, const OutputPlace& place);

// Whether the journal's run died after its last rename: the output is complete.
bool finished(const JournalContent& journal, const OutputPlace& place);

// Throws output_exists unless `force`. What a dead run of the same plan had already renamed does
// not count.
void refuse_existing(const OutputOptions& options, const OutputPlace& place,
                     const std::optional<JournalContent>& journal);

// Bytes on the disk that the part files of the journal have already.
uint64_t present_bytes(const OutputPlace& place, const JournalPlan& plan);

// Bytes that the files take on the file system of an open folder: their holes only count where it
// has none.
uint64_t disk_bytes_of(const std::vector<OutputFileSpec>& files, int folder);

// Throws disk_space unless the files and 64 MiB fit, `present_bytes` of them being there already.
// Returns a warning when less than 5 GiB would be left.
std::optional<Finding> check_space(const OutputOptions& options, const OutputPlace& place,
                                   uint64_t present_bytes);

}  // namespace recast

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/file.h"
#include "io/hash.h"

namespace recast {

// One file of an output and its exact size, known before the first byte is written.
struct OutputFileSpec {
  std::string name;  // file name inside the target folder; for OutputKind::folder inside that folder
  uint64_t bytes = 0;
  uint64_t hole_bytes = 0;  // of `bytes`, that nobody writes: zeros to read, no blocks on the disk
};

enum class OutputKind {
  files,   // one file or a set (a split GGUF with its manifest), side by side in `folder`
  folder,  // one folder, built whole
};

struct OutputOptions {
  OutputKind kind = OutputKind::files;
  std::string folder;               // where `files` go, or the parent of the new folder; "." for here
  std::string name;                 // of the lock and journal: the main file, or the new folder
  std::vector<OutputFileSpec> files;
  bool force = false;               // replace what exists
  bool make_folders = false;        // --mkdir
  bool follow_links = false;        // --follow: where NAME is a link, write what it points at; the
                                    // other files of a set are then beside that
  bool skip_disk_check = false;     // and reserve no blocks: the file system may compress
  std::vector<Fingerprint> inputs;  // an output that is one of them is refused
  std::vector<std::string> input_names;  // of `inputs`, in their order, to name the one it is
  // Journal: record completed batches so that the same plan continues after a crash.
  bool journal = false;
  uint64_t journal_batch_bytes = uint64_t{256} << 20;
  bool restart = false;             // --restart: throw an existing journal away
  bool demand_journal = false;      // --resume: refuse when there is none
  std::string plan_fingerprint;     // of inputs, options and version: decides whether a journal fits
};

// The durable output protocol: checks first, lock, part files in the same folder, checked writes,
// sync, rename, folder sync. A final name is absent, the old content or the whole new content, at
// any moment. Without commit() the destructor removes what was written (unless keep_for_resume()).
// Thread safe: write_at, step_done. All failures are Errors of kind `io`, `conflict` or `resource`.
class Output {
 public:
  // Runs every check (existing output, links, output is input, rights, lock, disk space), removes
  // part files of dead owners, reads a journal, makes and preallocates the part files.
  static std::unique_ptr<Output> open(OutputOptions options);
  // The checks alone, without taking the lock or writing anything; throws as open() would.
  static void check(const OutputOptions& options);
  virtual ~Output() = default;

  // `file` is an index into OutputOptions::files. Short writes and EINTR continue.
  virtual void write_at(size_t file, uint64_t offset, std::span<const std::byte> bytes) = 0;

  // Steps that a valid journal says are complete, with the hash of what they wrote.
  struct DoneStep {
    int64_t step;
    Hash128 hash;
  };
  virtual const std::vector<DoneStep>& resumed() const = 0;
  // Tells the journal that a step's bytes are written. Records are batched: data synced first, then
  // the record, every journal_batch_bytes or 5 s. Does nothing without a journal.
  virtual void step_done(int64_t step, Hash128 hash, uint64_t bytes) = 0;

  // Syncs every file. Requires: all bytes are written. Afterwards reopen() reads what is on disk.
  virtual void sync() = 0;
  virtual std::shared_ptr<const File> reopen(size_t file) const = 0;
  // The same for readers of whole artefacts: the path under which the unfinished output stands now
  // (the part folder, or the folder that holds the part files) and the part name of each file.
  virtual std::string staging_path() const = 0;
  virtual std::string part_name(size_t file) const = 0;

  // Gives a file of OutputKind::folder another name inside the new folder, for files that are called
  // by what they hold. An equal name of another file is taken over: their content is the same.
  // Requires: every byte of the file is written. Throws as writing does, and unsafe_name.
  virtual void rename(size_t file, const std::string& name) = 0;

  // Renames into place and syncs the folder: after this the output exists.
  virtual void commit() = 0;
  // After a signal or crash-like stop: the part files and the journal stay for the next run. No
  // effect without a journal.
  virtual void keep_for_resume() = 0;

  // Bytes that the files take on the disk at `folder` (or its nearest existing parent): without
  // holes, unless its file system has none.
  static uint64_t disk_bytes(const std::vector<OutputFileSpec>& files, const std::string& folder);

  // Notes for the user, such as "removed the part file of a dead run".
  virtual const std::vector<std::string>& notes() const = 0;
  // What the user should know and --strict counts: little space left.
  virtual const std::vector<Finding>& warnings() const = 0;
};

}  // namespace recast

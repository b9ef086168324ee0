#pragma once

#include <sys/stat.h>

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "io/system.h"

namespace recast {

// A file that is open for reading when it has to be: a set of a thousand shards must not need a
// thousand descriptors. Above a small number for the process, the one used longest ago is closed,
// and opened again by its real path when it is read; another file there is input_changed (an
// output: output_unreadable). A file without a path (its name is gone) stays open. Thread safe.
class OpenFile {
 public:
  // Takes the descriptor; `name` is for messages.
  OpenFile(Descriptor fd, std::string name, Side side);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // The descriptor, for as long as the pointer is held.
  std::shared_ptr<const Descriptor> acquire() const;
  // The state at open.
  const struct stat& at_open() const { return at_open_; }

 private:
  friend class OpenFiles;
  std::shared_ptr<const Descriptor> open_again() const;

  const std::string name_;
  const Side side_;
  struct stat at_open_;
  mutable std::shared_ptr<const Descriptor> fd_;  // null while closed; under the lock of OpenFiles
  mutable std::list<const OpenFile*>::iterator place_;
  mutable std::string path_;  // real, once it was closed
};

// The real path of what a descriptor has open, by the kernel's own account; empty without one.
std::string real_path_of(int fd);

}  // namespace recast

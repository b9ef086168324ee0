#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"

namespace recast {

// What a format opens: one file, or a folder that lists and opens names beneath itself and nothing
// outside. Links are followed when they resolve inside the folder, or, for a hub cache snapshot
// (.../models--ORG--NAME/snapshots/REV), inside the same repository's blobs/; else `unsafe_link`.
class Source {
 public:
  virtual ~Source() = default;

  virtual bool is_folder() const = 0;
  virtual const std::string& path() const = 0;  // as given
  // Last component of the absolute path, without a trailing slash: "Qwen3-8B" or "model.gguf".
  virtual std::string base_name() const = 0;

  // The file of a one-file source. Requires: !is_folder().
  virtual std::shared_ptr<const File> file() const = 0;

  // Names of the entries of the folder (of the file's folder, for a one-file source), sorted by
  // bytes, not recursive, without "." and "..".
  virtual std::vector<std::string> list() const = 0;
  // The same of a folder beneath, whose name is checked as that of open(); empty when there is none.
  virtual std::vector<std::string> list(std::string_view folder) const = 0;
  // Opens NAME beneath the folder (beside the file, for a one-file source). NAME comes from a file
  // and is checked: relative, no empty part, no "." or "..", no "\", no NUL (`unsafe_name`).
  // Throws file_missing, not_a_file, unsafe_link.
  virtual std::shared_ptr<const File> open(std::string_view name) const = 0;
  // The same, empty when there is no such entry.
  virtual std::shared_ptr<const File> find(std::string_view name) const = 0;
};

// Throws file_missing, file_unreadable, not_a_file. A path to a file is a source of that one file,
// whose siblings it can open too. No static member `open`: called on an object with a std::string
// it would win over the member that stays beneath the folder.
std::shared_ptr<const Source> open_source(const std::string& path,
                                          ReadMode mode = ReadMode::mapped);

// Throws unsafe_name unless `name` may be used beneath a folder.
void check_relative_name(std::string_view name);

}  // namespace recast

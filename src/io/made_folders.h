#pragma once

#include <string>
#include <vector>

namespace recast {

// The folders made for an output; the destructor removes them again unless keep() was called.
class MadeFolders {
 public:
  MadeFolders() = default;
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;
  ~MadeFolders();
  // Makes the folder and what is missing above it. Throws as fail_write.
  void make(const std::string& folder);
  // Makes their names durable. Throws sync_failed.
  void sync() const;
  void keep() { paths_.clear(); }

 private:
  std::vector<std::string> paths_;  // parents before children
};

}  // namespace recast

#include "io/made_folders.h"

#include <cerrno>
#include <filesystem>

#include "io/publish.h"
#include "io/system.h"

namespace recast {

namespace fs = std::filesystem;

MadeFolders::~MadeFolders() {
  for (size_t i = paths_.size(); i-- > 0;)
    system_calls().unlink(AT_FDCWD, paths_[i].c_str(), AT_REMOVEDIR);
}

void MadeFolders::make(const std::string& folder) {
  fs::path path;
  std::error_code ignored;
  for (const auto& part : fs::path(folder)) {
    path /= part;
    if (fs::is_directory(path, ignored)) continue;
    if (system_calls().mkdir(AT_FDCWD, path.c_str(), 0777) == 0)
      paths_.push_back(path.string());
    else if (errno != EEXIST)
      fail_write("make the folder", path.string(), errno);
  }
}

void MadeFolders::sync() const {
  for (const auto& path : paths_) {
    const std::string parent = fs::path(path).parent_path().string();
    const Descriptor fd(open_at(AT_FDCWD, parent.empty() ? "." : parent.c_str(),
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) fail_write("open the folder", parent, errno);
    sync_folder(fd.get(), parent);
  }
}

}  // namespace recast

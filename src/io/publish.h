#pragma once

#include <span>
#include <string>
#include <vector>

namespace recast {

// One rename of a finished part to its final name, in one folder.
struct Move {
  std::string from, to;
  std::string shown;     // the final path, for messages
  bool replace = false;  // something stands under `to`, and may go
  std::string aside;     // where it waits when the file system cannot exchange two names
};

// Carries the moves out in order and syncs the folder. When one of them or the sync fails, those
// done are taken back, so that every final name holds what it held before, and the error is thrown.
// Returns the names under which old content is left: to be removed.
std::vector<std::string> publish(int folder, std::span<const Move> moves);

// Syncs a folder: the names in it are durable. Throws sync_failed.
void sync_folder(int fd, const std::string& shown);

// Removes a file, or a folder with all in it; links are not followed. False when something stays.
bool remove_tree(int folder, const std::string& name) noexcept;

}  // namespace recast

#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "io/system.h"

namespace recast {

// The files of an output while they have their part names. Keeps few of them open however many
// there are, starts write-back early and syncs what is dirty. write_at may be called from any
// thread.
class PartFiles {
 public:
  struct Part {
    std::string path;   // below the folder
    std::string shown;  // the final path, for messages
    uint64_t bytes = 0;
    uint64_t hole_bytes = 0;  // of them, that nobody writes
    mode_t mode = 0644;  // in the end; 0600 until then
  };

  // `folder` outlives this.
  void set_folder(int folder) { folder_ = folder; }
  // Makes a new file of its whole size and asks for its blocks when `preallocate` and it has no
  // holes. Returns the inode. Throws as fail_write.
  uint64_t create(Part part, bool preallocate);
  // Goes on with one that exists.
  void adopt(Part part);

  // Gives it another path below the folder, replacing a file that has it. Requires: no write_at runs.
  void rename(size_t i, std::string path, std::string shown);

  const Part& part(size_t i) const { return states_[i].part; }
  size_t size() const { return states_.size(); }

  void write_at(size_t i, uint64_t offset, std::span<const std::byte> bytes);
  // Makes what was written durable. Throws sync_failed or no_space; after that every call throws
  // sync_failed without syncing again.
  void sync_data();
  // The same, with the final modes.
  void sync_all();
  // Closes all, checked. What was written since the last sync is synced first.
  void close_all();

 private:
  struct State {
    Part part;
    std::shared_ptr<Descriptor> fd;  // null while closed
    uint64_t last_use = 0;
    std::atomic<uint64_t> writes{1};  // the making of the file counts as one
    std::atomic<uint64_t> synced_writes{0};
    std::atomic<bool> has_mode{false};
    std::atomic<uint64_t> unstarted_bytes{0};  // written since write-back was started
    bool dirty() const { return writes != synced_writes; }
  };
  std::shared_ptr<Descriptor> acquire(State& state);
  void evict_one();
  void sync(State& state, int fd, int (*call)(int));
  void refuse_after_failure(const State& state) const;

  int folder_ = -1;
  std::deque<State> states_;  // a State does not move: it holds atomics
  std::mutex open_mutex_;
  size_t open_count_ = 0;
  uint64_t clock_ = 0;
  std::mutex sync_mutex_;  // one sync_data or sync_all at a time
  std::atomic<bool> failed_{false};
};

}  // namespace recast

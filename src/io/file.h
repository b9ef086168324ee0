#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/side.h"

namespace recast {

// What identifies the content of an input without reading it. Compared at the end of a run with
// what was seen at open: different is `conflict`.
struct Fingerprint {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t mtime_ns = 0, ctime_ns = 0;
  bool operator==(const Fingerprint&) const = default;
};

// Bytes of a file, readable until the window is destroyed. Either a mapping or an own buffer; the
// holder need not know. A mapping whose file is cut reads as zeros from there on and says so.
class Window {
 public:
  Window() = default;
  Window(Window&&) noexcept;
  Window& operator=(Window&&) noexcept;
  ~Window();
  std::span<const std::byte> bytes() const { return bytes_; }
  // Whether a read of bytes() met the end of a file that became shorter: the bytes are worthless.
  bool cut() const;
  // False for a mapping that found no free guard: do not read it.
  bool guarded() const { return base_ == nullptr || guard_ >= 0; }

  static Window own(std::unique_ptr<std::byte[]> buffer, uint64_t bytes);  // takes the buffer
  // Takes the mapping of `length` bytes at `base` (page aligned) that holds `view`, and guards it
  // against SIGBUS.
  static Window mapping(void* base, size_t length, std::span<const std::byte> view);

 private:
  std::span<const std::byte> bytes_;
  std::unique_ptr<std::byte[]> buffer_;
  void* base_ = nullptr;  // of a mapping; unmapped by the destructor
  size_t length_ = 0;
  int guard_ = -1;  // its entry among the guarded mappings
};

// One input, open for reading. Thread safe. Every failure is an Error that names the file:
// `truncated` past the end, `read_failed` with errno, `input_changed` when the file became shorter.
class File {
 public:
  virtual ~File() = default;
  virtual uint64_t size() const = 0;
  // The name to print: the path as the user gave it, or a name inside the source.
  virtual const std::string& name() const = 0;
  virtual void read_at(uint64_t offset, std::span<std::byte> destination) const = 0;
  // `bytes` bytes from `offset`. Keep it small and short-lived: windows are what bounds the address
  // space of a large file.
  virtual Window window(uint64_t offset, uint64_t bytes) const = 0;
  // The first place at or behind `offset` and before `end` whose bytes may differ from zero; `end`
  // when the rest is a hole.
  virtual uint64_t next_data(uint64_t offset, uint64_t end) const { return std::min(offset, end); }
  // The end of the data that begins there: the next hole, or `end`.
  virtual uint64_t next_hole(uint64_t, uint64_t end) const { return end; }
  virtual Fingerprint fingerprint() const = 0;
  // Compares with the state of the file now: rewritten, cut, or another file under its name throws
  // input_changed. Deleted or linked elsewhere is fine: the bytes are the same.
  virtual void check_unchanged() const = 0;
};

// In such pieces bytes should go from a window through a hash or a computation into an output: larger
// ones leave the L2 cache between the two reads. Measured with 2 GB: 0.5 s of system time at 256 KiB,
// 2.5 s at 1 MiB.
inline constexpr uint64_t copy_piece_bytes = uint64_t{256} << 10;

enum class ReadMode { mapped, stream };  // mmap windows, or pread into buffers

// Opens a regular file. Follows links; refuses folders, FIFOs, sockets and devices (`not_a_file`)
// without hanging on them. A mapping that fails for want of address space falls back to pread; a
// mapped file that is cut while a window is read gives `input_changed`, not a SIGBUS.
std::shared_ptr<const File> open_file(const std::string& path, ReadMode mode = ReadMode::mapped);

// The same for a descriptor, which it takes, of a file to be called `name`. Failures to read it are
// those of its side.
std::shared_ptr<const File> adopt_file(int fd, std::string name, ReadMode mode,
                                       Side side = Side::input);

// Throws not_a_file with what it is, unless `fd` is a regular file with bytes of its own (the files
// of /proc claim to be regular).
void require_regular(int fd, const std::string& name, Side side = Side::input);

}  // namespace recast

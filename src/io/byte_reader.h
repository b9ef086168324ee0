#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "io/file.h"

namespace recast {

// The one checked cursor over untrusted bytes: of memory, or of a File read through a moving
// window. Every read past the end throws `truncated` with the offset and the bytes wanted and left.
// Not thread safe.
class ByteReader {
 public:
  // Reads [offset, offset + bytes) of the file; the range must lie inside it.
  ByteReader(std::shared_ptr<const File> file, uint64_t offset, uint64_t bytes);
  // Reads memory that outlives the reader. `name` is the file to blame; `base_offset` is added to
  // every offset that is reported.
  ByteReader(std::span<const std::byte> bytes, std::string name, uint64_t base_offset = 0);

  uint64_t offset() const;     // absolute, of the next byte
  uint64_t remaining() const;  // bytes left in the range

  // The next n bytes; valid until the next call on this reader.
  std::span<const std::byte> take(uint64_t n, std::string_view what = "data");
  void skip(uint64_t n, std::string_view what = "data");

  template <class T>
    requires std::integral<T> || std::floating_point<T>
  T get(std::string_view what = "number") {
    T value;
    std::byte raw[sizeof(T)];
    std::memcpy(raw, take(sizeof(T), what).data(), sizeof(T));
    if (big_endian_) reverse(raw, sizeof(T));
    std::memcpy(&value, raw, sizeof(T));
    return value;
  }
  // n bytes as text; refuses (`resource`, too_long) more than the limit, or than the format has room
  // for.
  std::string get_text(uint64_t n, Limit most, std::string_view what);
  std::string get_text(uint64_t n, uint64_t most, std::string_view what);

  // Throws `truncated` unless `count` items of at least `minimum_bytes` each can still follow. A
  // count from a file sizes an allocation only after this.
  void require_room(uint64_t count, uint64_t minimum_bytes, std::string_view what);

  void set_big_endian(bool on) { big_endian_ = on; }
  bool big_endian() const { return big_endian_; }

  // Throws with the file filled in, and the offset when `facts.where` is empty.
  [[noreturn]] void fail(const ErrorCode& code, ErrorFacts facts = {}) const;

 private:
  static void reverse(std::byte* raw, size_t n);
  void refill(uint64_t n);

  std::shared_ptr<const File> file_;
  std::string name_;
  Window window_;
  std::span<const std::byte> view_;  // bytes at hand, the next one at view_[position_]
  uint64_t view_offset_ = 0;         // absolute offset of view_[0]
  size_t position_ = 0;
  uint64_t end_ = 0;  // absolute end of the range
  bool big_endian_ = false;
};

}  // namespace recast

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/file.h"

namespace recast {

struct ZipMember {
  std::string name;
  uint64_t header = 0;        // absolute offset of the local header
  uint64_t offset = 0;        // absolute, of the first stored byte
  uint64_t stored_bytes = 0;  // in the archive
  uint64_t bytes = 0;         // of the content
  uint32_t crc = 0;           // of the content, as claimed
  bool deflated = false;
};

// Where the content of a member can be read: in the archive itself, or, for a deflated one, in a
// File that inflates as it is read.
struct ZipContent {
  std::shared_ptr<const File> file;
  uint64_t offset = 0, bytes = 0;
};

// The directory of a zip archive, with ZIP64. No content is read.
class ZipArchive {
 public:
  // Reads the central directory and compares it with every local header. Throws zip_structure;
  // zip_member for sizes past the end, headers that differ, overlaps and duplicate names;
  // unsafe_name; zip_method for encryption and for methods other than stored and deflate; zip_limit
  // (a million members; 200:1 for what inflates to more than 1 MiB).
  explicit ZipArchive(std::shared_ptr<const File> file);

  const std::vector<ZipMember>& members() const { return members_; }  // order of the directory
  const ZipMember* find(std::string_view name) const;                 // null: no such member
  ZipContent content(const ZipMember& member) const;
  // Reads all of the content.
  bool has_right_crc(const ZipMember& member) const;
  const File& file() const { return *file_; }

 private:
  struct Directory {
    uint64_t offset, bytes, count;
  };
  Directory find_directory() const;
  Directory read_zip64(uint64_t locator, Directory directory) const;
  void read_directory(const Directory& directory);
  void check_local(ZipMember& member, uint64_t end) const;
  void check_overlaps() const;

  std::shared_ptr<const File> file_;
  std::vector<ZipMember> members_;
  std::unordered_map<std::string_view, size_t> by_name_;
};

// A zip archive begins so. An empty or a self-extracting one does not, and is none for us.
inline constexpr std::string_view zip_magic = "PK\x03\x04";

}  // namespace recast

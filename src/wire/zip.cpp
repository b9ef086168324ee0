// Local headers with their contents, the central directory, the end record. Sizes and offsets are
// taken from the directory: the local ones may be zero (flag bit 3). Where the content begins is
// known from the local header alone, whose extra field has another length.
// Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
#include "wire/zip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/checked_math.h"
#include "base/limits.h"
#include "io/byte_reader.h"
#include "wire/inflated_file.h"

namespace recast {
namespace {

constexpr uint32_t local_magic = 0x04034b50, central_magic = 0x02014b50, end_magic = 0x06054b50,
                   end64_magic = 0x06064b50, locator_magic = 0x07064b50;
constexpr uint64_t local_bytes = 30, central_bytes = 46, end_bytes = 22, locator_bytes = 20,
                   end64_bytes = 56, most_comment_bytes = 65535;
constexpr uint16_t encrypted_flags = 1 | 1 << 6 | 1 << 13, sizes_behind_flag = 1 << 3;
constexpr uint16_t zip64_extra = 1;

std::string member_where(std::string_view name) {
  return fmt::format("member \"{}\"", printable(name));
}

[[noreturn]] void fail_member(const File& file, std::string_view name, std::string expected,
                              std::string found) {
  fail(codes::zip_member, {.where = member_where(name),
                           .expected = std::move(expected),
                           .found = std::move(found),
                           .file = file.name()});
}

// The wider values that stand in the ZIP64 extra field for those that are all ones.
void widen(ByteReader& extra, uint64_t& bytes, uint64_t& stored_bytes, uint64_t& header) {
  while (extra.remaining() >= 4) {
    const auto id = extra.get<uint16_t>();
    const auto length = extra.get<uint16_t>();
    if (id != zip64_extra) {
      extra.skip(length, "an extra field");
      continue;
    }
    const uint64_t end = extra.remaining() - std::min<uint64_t>(length, extra.remaining());
    for (uint64_t* value : {&bytes, &stored_bytes, &header})
      if (*value == UINT32_MAX && extra.remaining() >= end + 8) *value = extra.get<uint64_t>();
    if (extra.remaining() > end) extra.skip(extra.remaining() - end, "an extra field");
  }
}

void check_method(const File& file, const ZipMember& member, uint16_t flags, uint16_t method) {
  if ((flags & encrypted_flags) != 0)
    fail(codes::zip_method, {.where = member_where(member.name),
                             .expected = "no encryption",
                             .found = "an encrypted member",
                             .file = file.name()});
  if (method != 0 && method != 8)
    fail(codes::zip_method, {.where = member_where(member.name),
                             .expected = "method 0 (stored) or 8 (deflate)",
                             .found = fmt::format("compression method {}", method),
                             .file = file.name()});
  if (!member.deflated && member.bytes != member.stored_bytes)
    fail_member(file, member.name, "equal sizes of a stored member",
                fmt::format("{} and {} bytes", member.stored_bytes, member.bytes));
  if (member.bytes > limit(Limit::zip_small_bytes) &&
      member.bytes / limit(Limit::zip_ratio) > member.stored_bytes)
    fail_limit(codes::zip_limit, Limit::zip_ratio,
               {.where = member_where(member.name),
                .expected = "inflated",
                .found = fmt::format("{} bytes that inflate to {}", member.stored_bytes,
                                     member.bytes),
                .file = file.name()},
               member.bytes / std::max<uint64_t>(member.stored_bytes, 1) + 1);
}

// Members are never written to a disk, but a name that would leave a folder has one purpose only.
void check_name(const File& file, std::string_view name) {
  bool leaves = name.empty() || name.front() == '/' || name.find('\0') != name.npos;
  for (size_t at = name.find(".."); at != name.npos; at = name.find("..", at + 2)) {
    const bool starts = at == 0 || name[at - 1] == '/' || name[at - 1] == '\\';
    const bool ends = at + 2 == name.size() || name[at + 2] == '/' || name[at + 2] == '\\';
    leaves = leaves || (starts && ends);
  }
  if (leaves)
    fail(codes::unsafe_name, {.where = member_where(name),
                              .expected = "a relative name inside the archive",
                              .file = file.name()});
}

// Folders have entries of their own in archives that were packed again.
bool is_folder_entry(const ZipMember& member) {
  return member.bytes == 0 && member.name.ends_with('/');
}

ZipMember read_entry(ByteReader& in, const File& file) {
  if (in.get<uint32_t>("an entry of the directory") != central_magic)
    in.fail(codes::zip_structure, {.expected = "an entry of the directory"});
  ZipMember member;
  in.skip(4);
  const auto flags = in.get<uint16_t>();
  const auto method = in.get<uint16_t>();
  member.deflated = method == 8;
  in.skip(4);
  member.crc = in.get<uint32_t>();
  member.stored_bytes = in.get<uint32_t>();
  member.bytes = in.get<uint32_t>();
  const auto name_bytes = in.get<uint16_t>();
  const auto extra_bytes = in.get<uint16_t>();
  const auto comment_bytes = in.get<uint16_t>();
  in.skip(8);
  member.header = in.get<uint32_t>();
  member.name = in.get_text(name_bytes, UINT16_MAX, "the name of a member");
  const uint64_t extra_offset = in.offset();
  ByteReader extra(in.take(extra_bytes, "extra fields"), file.name(), extra_offset);
  widen(extra, member.bytes, member.stored_bytes, member.header);
  in.skip(comment_bytes, "a comment");
  check_method(file, member, flags, method);
  return member;
}

}  // namespace

ZipArchive::ZipArchive(std::shared_ptr<const File> file) : file_(std::move(file)) {
  const Directory directory = find_directory();
  read_directory(directory);
  for (ZipMember& member : members_) check_local(member, directory.offset);
  check_overlaps();
}

// The end record stands last, behind it only a comment of a length that it states.
ZipArchive::Directory ZipArchive::find_directory() const {
  const uint64_t size = file_->size();
  const uint64_t looked = std::min(size, end_bytes + most_comment_bytes);
  const Window window = file_->window(size - looked, looked);
  const std::byte* bytes = window.bytes().data();
  for (uint64_t at = looked < end_bytes ? 0 : looked - end_bytes + 1; at-- > 0;) {
    if (std::memcmp(bytes + at, &end_magic, sizeof end_magic) != 0) continue;
    ByteReader in(window.bytes().subspan(at, end_bytes), file_->name(), size - looked + at);
    in.skip(10);
    Directory directory{};
    directory.count = in.get<uint16_t>();
    directory.bytes = in.get<uint32_t>();
    directory.offset = in.get<uint32_t>();
    if (in.get<uint16_t>() != looked - at - end_bytes) continue;
    const uint64_t end = size - looked + at;
    if (end >= locator_bytes) directory = read_zip64(end - locator_bytes, directory);
    if (directory.offset > end || directory.bytes > end - directory.offset)
      fail(codes::zip_structure,
           {.where = "central directory",
            .expected = fmt::format("an offset and size within {} bytes", end),
            .found = fmt::format("{} bytes at offset {}", directory.bytes, directory.offset),
            .file = file_->name()});
    return directory;
  }
  fail(codes::zip_structure, {.expected = "an end record of the central directory",
                              .found = "none: the zip archive is truncated",
                              .file = file_->name()});
}

ZipArchive::Directory ZipArchive::read_zip64(uint64_t locator, Directory directory) const {
  ByteReader in(file_, locator, locator_bytes);
  if (in.get<uint32_t>() != locator_magic) return directory;
  in.skip(4);
  const auto offset = in.get<uint64_t>();
  if (offset > locator || locator - offset < end64_bytes)
    in.fail(codes::zip_structure, {.expected = "a ZIP64 end record before its locator"});
  ByteReader end(file_, offset, end64_bytes);
  if (end.get<uint32_t>() != end64_magic)
    end.fail(codes::zip_structure, {.expected = "a ZIP64 end record"});
  end.skip(28);
  directory.count = end.get<uint64_t>();
  directory.bytes = end.get<uint64_t>();
  directory.offset = end.get<uint64_t>();
  return directory;
}

void ZipArchive::read_directory(const Directory& directory) {
  if (directory.count > limit(Limit::zip_members))
    fail_limit(codes::zip_limit, Limit::zip_members, {.file = file_->name()}, directory.count);
  if (directory.count > directory.bytes / central_bytes)
    fail(codes::zip_structure,
         {.where = "central directory",
          .expected = fmt::format("{} entries, as the end record says", directory.count),
          .found = fmt::format("a directory of {} bytes", directory.bytes),
          .file = file_->name()});
  ByteReader in(file_, directory.offset, directory.bytes);
  for (uint64_t i = 0; i < directory.count; ++i) {
    ZipMember member = read_entry(in, *file_);
    if (is_folder_entry(member)) continue;
    check_name(*file_, member.name);
    members_.push_back(std::move(member));
  }
  if (in.remaining() > 0)
    in.fail(codes::zip_structure,
            {.expected = fmt::format("{} entries, as the end record says", directory.count),
             .found = "more of them"});
  for (size_t i = 0; i < members_.size(); ++i)
    if (!by_name_.emplace(members_[i].name, i).second)
      fail_member(*file_, members_[i].name, "one member of this name", "a duplicate");
}

// Finds the content behind the local header. `end`: where the directory begins.
void ZipArchive::check_local(ZipMember& member, uint64_t end) const {
  const uint64_t room = member.header < end ? end - member.header : 0;
  if (room < local_bytes + member.name.size())
    fail_member(*file_, member.name, fmt::format("an offset before the directory at {}", end),
                fmt::format("offset {}", member.header));
  ByteReader in(file_, member.header, local_bytes + member.name.size());
  if (in.get<uint32_t>() != local_magic)
    fail_member(*file_, member.name, "a local header at its offset",
                fmt::format("none at offset {}", member.header));
  in.skip(2);
  const auto flags = in.get<uint16_t>();
  const auto method = in.get<uint16_t>();
  in.skip(8);
  const auto stored_bytes = in.get<uint32_t>();
  const auto bytes = in.get<uint32_t>();
  const auto name_bytes = in.get<uint16_t>();
  const auto extra_bytes = in.get<uint16_t>();
  const std::string name =
      in.get_text(std::min<uint64_t>(name_bytes, member.name.size()), UINT16_MAX, "a name");
  if (name_bytes != member.name.size() || name != member.name)
    fail_member(*file_, member.name, "the same name in the local header", printable(name));
  if ((method == 8) != member.deflated || (flags & encrypted_flags) != 0)
    fail_member(*file_, member.name, "the same method in the local header",
                fmt::format("method {}, flags {:#x}", method, flags));
  const bool stated =
      (flags & sizes_behind_flag) == 0 && stored_bytes != UINT32_MAX && bytes != UINT32_MAX;
  if (stated && (stored_bytes != member.stored_bytes || bytes != member.bytes))
    fail_member(*file_, member.name,
                fmt::format("a size of {} bytes, as the directory says", member.bytes),
                fmt::format("{} in the local header", bytes));
  const uint64_t begin = local_bytes + name_bytes + extra_bytes;
  if (begin > room || member.stored_bytes > room - begin)
    fail_member(*file_, member.name,
                fmt::format("a size of at most {} bytes", begin > room ? 0 : room - begin),
                fmt::format("{} bytes", member.stored_bytes));
  member.offset = member.header + begin;
}

void ZipArchive::check_overlaps() const {
  std::vector<const ZipMember*> order;
  for (const ZipMember& member : members_) order.push_back(&member);
  std::sort(order.begin(), order.end(),
            [](const ZipMember* a, const ZipMember* b) { return a->header < b->header; });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->header < order[i - 1]->offset + order[i - 1]->stored_bytes)
      fail_member(*file_, order[i]->name, "members that do not overlap",
                  fmt::format("bytes shared with \"{}\"", printable(order[i - 1]->name)));
}

const ZipMember* ZipArchive::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &members_[it->second];
}

ZipContent ZipArchive::content(const ZipMember& member) const {
  if (!member.deflated) return {file_, member.offset, member.bytes};
  auto file = inflated_file(file_, fmt::format("{}: {}", file_->name(), printable(member.name)),
                            member.offset, member.stored_bytes, member.bytes);
  return {std::move(file), 0, member.bytes};
}

bool ZipArchive::has_right_crc(const ZipMember& member) const {
  const ZipContent content = this->content(member);
  uLong crc = ::crc32(0, nullptr, 0);
  for (uint64_t at = 0; at < content.bytes;) {
    const uint64_t n = std::min(copy_piece_bytes, content.bytes - at);
    const Window window = content.file->window(content.offset + at, n);
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(window.bytes().data()), static_cast<uInt>(n));
    at += n;
  }
  return crc == member.crc;
}

}  // namespace recast

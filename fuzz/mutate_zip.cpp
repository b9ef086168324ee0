#include "io/memory_file.h"
#include "mutate_parts.h"
#include "wire/torch_testing.h"
#include "wire/zip.h"

namespace recast::fuzz {
namespace {

constexpr uint64_t most_content = 1 << 20;

std::string content_of(const ZipArchive& archive, const ZipMember& member) {
  const ZipContent content = archive.content(member);
  std::string out(std::min(content.bytes, most_content), '\0');
  content.file->read_at(content.offset, std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace

std::optional<std::string> mutate_zip(std::string_view input, const Mutation& m) {
  if (!input.starts_with(zip_magic)) return std::nullopt;
  try {
    const ZipArchive archive(std::make_shared<MemoryFile>("input", input));
    std::vector<torch_testing::ZipEntry> entries;
    for (const ZipMember& member : archive.members())
      entries.push_back({member.name, content_of(archive, member), member.deflated});
    if (entries.empty()) return std::nullopt;
    torch_testing::ZipEntry& entry = entries[m.random.below(entries.size())];
    switch (m.random.below(12)) {
      case 0:
        entries.erase(entries.begin() + static_cast<ptrdiff_t>(m.random.below(entries.size())));
        break;
      case 1:
        entry.name = m.changed(entry.name);
        break;
      case 2:
        entry.deflated = !entry.deflated;
        break;
      case 3:
        entry.content = entries[m.random.below(entries.size())].content;
        break;
      default:  // the pickle more often than a storage
        torch_testing::ZipEntry& one = m.random.one_in(3) ? entry : entries.front();
        one.content = m.changed(one.content);
    }
    return torch_testing::zip(entries, {.zip64 = m.random.one_in(8)});
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace recast::fuzz

#include "wire/zip.h"

#include <gtest/gtest.h>

#include <thread>

#include "io/memory_file.h"
#include "wire/caught.h"
#include "wire/torch_testing.h"

namespace recast {
namespace {

using namespace torch_testing;

std::shared_ptr<const File> file(const std::string& bytes) {
  return std::make_shared<MemoryFile>("m.zip", bytes);
}
std::string content(const ZipArchive& archive, std::string_view name) {
  const ZipContent content = archive.content(*archive.find(name));
  std::string text(content.bytes, ' ');
  content.file->read_at(content.offset, std::as_writable_bytes(std::span(text)));
  return text;
}
Error failure(const std::string& bytes) {
  return caught([&] { ZipArchive archive(file(bytes)); });
}

const std::vector<ZipEntry> entries = {
    {"m/a", "alpha"}, {"m/b", std::string(5000, 'b'), true}, {"m/empty", ""}};

TEST(Zip, StoredAndDeflatedMembersOfEveryForm) {
  for (const ZipForm& form : {ZipForm{}, ZipForm{.zip64 = true}, ZipForm{.comment = "a comment"},
                              ZipForm{.zip64 = true, .comment = "PK"}}) {
    const ZipArchive archive(file(zip(entries, form)));
    ASSERT_EQ(archive.members().size(), 3u);
    for (const ZipEntry& entry : entries) {
      EXPECT_EQ(content(archive, entry.name), entry.content);
      EXPECT_TRUE(archive.has_right_crc(*archive.find(entry.name)));
    }
    EXPECT_EQ(archive.find("m/c"), nullptr);
  }
}

TEST(Zip, AWrongCrcIsSeen) {
  std::string bytes = zip(entries);
  bytes[bytes.find("alpha")] = 'A';
  const ZipArchive archive(file(bytes));
  EXPECT_FALSE(archive.has_right_crc(*archive.find("m/a")));
}

// The archive with `text` in place of the bytes at `offset` of a header of the member "m/a".
std::string patched(bool central, size_t offset, const std::string& text,
                    std::vector<ZipEntry> list = entries) {
  std::string bytes = zip(list);
  const size_t at = central ? bytes.find("PK\x01\x02") : 0;
  return bytes.replace(at + offset, text.size(), text);
}

TEST(Zip, LyingHeadersAreRefused) {
  const std::string huge = raw(uint32_t{1} << 30);
  const std::pair<std::string, const char*> cases[] = {
      {patched(true, 20, huge + huge), "zip_member"},       // sizes, in the directory
      {patched(false, 18, huge + huge), "zip_member"},      // in the local header
      {patched(true, 42, raw(0x7fffffffu)), "zip_member"},  // offset past the end
      {patched(true, 42, raw(7u)), "zip_member"},           // offset of no header
      {patched(false, 30, "m/x"), "zip_member"},            // another name
      {patched(false, 8, raw(uint16_t{8})), "zip_member"},  // another method
      {patched(true, 10, raw(uint16_t{12})), "zip_method"},
      {patched(true, 8, raw(uint16_t{1})), "zip_method"},  // encrypted
      {zip({{"m/a", "1"}, {"m/a", "2"}}), "zip_member"},   // twice
      {zip({{"m/a", "1"}, {"../../evil", "2"}}), "unsafe_name"},
      {zip({{"/etc/passwd", "1"}}), "unsafe_name"},
      {zip({{"m/zeros", std::string(8 << 20, '\0'), true}}), "zip_limit"},
      {"PK\x03\x04 and nothing else", "zip_structure"},
      {"", "zip_structure"},
  };
  for (size_t i = 0; i < std::size(cases); ++i)
    EXPECT_EQ(symbol_of(failure(cases[i].first)), cases[i].second) << i;
  std::string counted = zip(entries);
  counted.replace(counted.size() - 14, 4, "\xfe\xff\xfe\xff");
  EXPECT_NE(failure(counted).expected.find("65534"), std::string::npos);
}

TEST(Zip, MembersMayNotOverlap) {
  // The second entry of the directory points at the first header, whose content is another
  // archive's.
  std::string bytes = zip({{"m/a", std::string(100, 'x')}, {"m/b", "y"}});
  const size_t first = bytes.find("PK\x01\x02");
  const size_t second = bytes.find("PK\x01\x02", first + 1);
  bytes.replace(30 + 3 + 10, 33, std::string("PK\x03\x04").append(bytes, 4, 26).append("m/b"));
  bytes.replace(second + 42, 4, raw(43u)).replace(second + 16, 12, bytes, first + 16, 12);
  EXPECT_EQ(symbol_of(failure(bytes)), "zip_member");
}

TEST(Zip, EveryTruncationIsRefusedAndNoFlipCrashes) {
  const std::string bytes = zip(entries, {.zip64 = true});
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_NE(symbol_of(failure(bytes.substr(0, n))), "none") << n;
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    caught([&] {
      const ZipArchive archive(file(damaged));
      for (const ZipMember& member : archive.members()) archive.has_right_crc(member);
    });
  }
}

TEST(InflatedFile, AnyOrderAndSeveralThreadsReadTheSame) {
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += std::to_string(i * 7919);
  const ZipArchive archive(file(zip({{"m/t", text, true}})));
  const ZipContent content = archive.content(archive.members()[0]);
  ASSERT_EQ(content.bytes, text.size());
  const auto check = [&](uint64_t seed) {
    for (int i = 0; i < 40; ++i) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      const uint64_t at = (seed >> 20) % text.size();
      const uint64_t n = std::min<uint64_t>(1000, text.size() - at);
      const Window window = content.file->window(at, n);
      const std::string_view got(reinterpret_cast<const char*>(window.bytes().data()), n);
      ASSERT_EQ(got, std::string_view(text).substr(at, n));
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed < 4; ++seed) threads.emplace_back(check, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(symbol_of(caught([&] { content.file->window(text.size() - 1, 2); })), "truncated");
}

TEST(InflatedFile, DamageIsRefused) {
  std::string bytes = zip({{"m/t", std::string(3000, 'x') + "end", true}});
  bytes[35] = static_cast<char>(bytes[35] ^ 0x55);
  const ZipArchive archive(file(bytes));
  const Error error = caught([&] { archive.has_right_crc(archive.members()[0]); });
  EXPECT_EQ(symbol_of(error), "zip_member");
}

}  // namespace
}  // namespace recast

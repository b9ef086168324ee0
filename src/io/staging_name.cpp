#include "io/staging_name.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <span>

#include "io/hash.h"

namespace recast {

namespace {

// 255 less the longest ending: ".part-" + 7 digits of a process id + "-" + 8 random digits.
constexpr size_t longest_stem = 255 - 22;

std::string stem(std::string_view name) {
  if (name.size() + 1 <= longest_stem) return fmt::format(".{}", name);
  size_t cut = longest_stem - 18;
  // Not inside a UTF-8 sequence: some file systems refuse broken ones.
  while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0) == 0x80) --cut;
  const Hash128 hash = xxh3_128(std::as_bytes(std::span(name)));
  return fmt::format(".{}~{:016x}", name.substr(0, cut), hash.low);
}

std::string with_owner(std::string_view name, std::string_view kind) {
  return fmt::format("{}.{}-{}-{:08x}", stem(name), kind, ::getpid(), std::random_device()());
}

bool has_owner(std::string_view candidate, std::string_view name, std::string_view kind) {
  const std::string start = fmt::format("{}.{}-", stem(name), kind);
  if (!candidate.starts_with(start)) return false;
  candidate.remove_prefix(start.size());
  const size_t dash = candidate.find('-');
  if (dash == 0 || dash == candidate.npos || candidate.size() != dash + 9) return false;
  return candidate.find_first_not_of("0123456789") == dash &&
         candidate.find_first_not_of("0123456789abcdef", dash + 1) == candidate.npos;
}

}  // namespace

std::string lock_name(std::string_view name) { return stem(name) + ".lock"; }
std::string journal_name(std::string_view name) { return stem(name) + ".journal"; }
std::string new_part_name(std::string_view name) { return with_owner(name, "part"); }
std::string new_old_name(std::string_view name) { return with_owner(name, "old"); }
bool is_part_name(std::string_view candidate, std::string_view name) {
  return has_owner(candidate, name, "part");
}
bool is_old_name(std::string_view candidate, std::string_view name) {
  return has_owner(candidate, name, "old");
}

}  // namespace recast

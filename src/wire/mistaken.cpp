#include "wire/mistaken.h"

#include <algorithm>
#include <string_view>

namespace recast {

namespace {

bool starts_with_in_any_case(std::string_view text, std::string_view lower) {
  const auto to_lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(),
                    [&](char want, char have) { return want == to_lower(have); });
}

}  // namespace

const ErrorCode* sniff_mistaken_file(std::span<const std::byte> first_bytes) {
  if (first_bytes.empty()) return &codes::empty_file;
  std::string_view text(reinterpret_cast<const char*>(first_bytes.data()), first_bytes.size());
  if (text.starts_with("version https://git-lfs.github.com/spec/")) return &codes::lfs_pointer;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (const std::string_view tag : {"<!doctype html", "<html", "<head", "<body"})
    if (starts_with_in_any_case(text, tag)) return &codes::html_page;
  return nullptr;
}

}  // namespace recast

#include "formats/part_name.h"

#include <fmt/format.h>

#include <charconv>

namespace recast {
namespace {

constexpr size_t digits = 5;  // of each number

std::optional<uint32_t> parse_digits(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<PartName> parse_part_name(std::string_view name, std::string_view extension) {
  constexpr std::string_view of = "-of-";
  const size_t tail = 1 + digits + of.size() + digits + extension.size();
  if (name.size() <= tail || !name.ends_with(extension)) return std::nullopt;
  const std::string_view rest = name.substr(name.size() - tail);
  if (rest[0] != '-' || rest.substr(1 + digits, of.size()) != of) return std::nullopt;
  const auto number = parse_digits(rest.substr(1, digits));
  const auto count = parse_digits(rest.substr(1 + digits + of.size(), digits));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return PartName{std::string(name.substr(0, name.size() - tail)), *number, *count};
}

std::string part_file_name(std::string_view prefix, uint32_t number, uint32_t count,
                           std::string_view extension) {
  return fmt::format("{}-{:05}-of-{:05}{}", prefix, number, count, extension);
}

std::string stem_of(std::string_view name, std::string_view extension) {
  if (const auto part = parse_part_name(name, extension)) return part->prefix;
  if (name.ends_with(extension)) name.remove_suffix(extension.size());
  return std::string(name);
}

}  // namespace recast

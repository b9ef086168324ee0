#include "formats/gguf/split.h"

#include <fmt/format.h>

#include <charconv>
#include <unordered_set>

namespace recast::gguf {
namespace {

constexpr size_t digits = 5;  // of each number in the name of a part

std::optional<uint32_t> parse_digits(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// An integer key of a part, -1 when there is none.
int64_t split_key(const Part& part, std::string_view key) {
  const MetaValue* value = part.header.metadata.find(key);
  return value ? value->as_int().value_or(-1) : -1;
}

[[noreturn]] void fail_split(const Part& part, std::string where, std::string expected,
                             std::string found) {
  fail(codes::gguf_split, {.where = std::move(where), .expected = std::move(expected),
                           .found = std::move(found), .file = part.file->name()});
}

void require_key(const Part& part, std::string_view key, int64_t expected) {
  const int64_t found = split_key(part, key);
  if (found != expected)
    fail_split(part, key_where(key), fmt::format("{}", expected),
               found < 0 ? "no such key" : fmt::format("{}", found));
}

// The name of the given part, checked against its own split keys.
PartName named_part(const Part& part, int64_t count) {
  const auto name = parse_part_name(part.name);
  const std::string form = part_file_name("PREFIX", 1, static_cast<uint32_t>(count));
  if (!name) fail_split(part, "file name", form + ", to find the other parts", part.name);
  if (name->count != count)
    fail_split(part, key_where("split.count"), fmt::format("{}, as the file name says", name->count),
               fmt::format("{}", count));
  return *name;
}

Part read_sibling(const Source& source, const PartName& of, uint32_t number) {
  Part part{part_file_name(of.prefix, number, of.count), nullptr, {}};
  part.file = source.find(part.name);
  if (!part.file)
    fail(codes::gguf_split_missing, {.expected = fmt::format("part {} of {}: {}", number, of.count,
                                                             printable(part.name)),
                                     .found = "no such file", .file = source.path()});
  part.header = read_header(part.file);
  return part;
}

void check_set(const std::vector<Part>& parts) {
  const int64_t total = split_key(parts.front(), "split.tensors.count");
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < parts.size(); ++i) {
    require_key(parts[i], "split.no", static_cast<int64_t>(i));
    require_key(parts[i], "split.count", static_cast<int64_t>(parts.size()));
    require_key(parts[i], "split.tensors.count", total);
    for (const TensorEntry& entry : parts[i].header.tensors)
      if (!seen.insert(entry.name).second)
        fail(codes::gguf_duplicate_tensor, {.where = tensor_where(entry.name),
                                            .found = "in two parts of the split",
                                            .file = parts[i].file->name()});
  }
  if (static_cast<int64_t>(seen.size()) != total)
    fail_split(parts.front(), key_where("split.tensors.count"),
               fmt::format("{} tensors in all parts", total), fmt::format("{}", seen.size()));
}

}  // namespace

std::optional<PartName> parse_part_name(std::string_view name) {
  constexpr std::string_view extension = ".gguf", of = "-of-";
  constexpr size_t tail = 1 + digits + of.size() + digits + extension.size();
  if (name.size() <= tail || !name.ends_with(extension)) return std::nullopt;
  const std::string_view rest = name.substr(name.size() - tail);
  if (rest[0] != '-' || rest.substr(1 + digits, of.size()) != of) return std::nullopt;
  const auto number = parse_digits(rest.substr(1, digits));
  const auto count = parse_digits(rest.substr(1 + digits + of.size(), digits));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return PartName{std::string(name.substr(0, name.size() - tail)), *number, *count};
}

std::string part_file_name(std::string_view prefix, uint32_t number, uint32_t count) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, number, count);
}

std::vector<Part> read_parts(const Source& source) {
  std::vector<Part> parts;
  Part given{source.base_name(), source.file(), {}};
  given.header = read_header(given.file);
  const int64_t count = split_key(given, "split.count");
  if (count <= 1) {
    parts.push_back(std::move(given));
    return parts;
  }
  const PartName name = named_part(given, count);
  require_key(given, "split.no", name.number - 1);
  for (uint32_t number = 1; number <= name.count; ++number)
    parts.push_back(number == name.number ? std::move(given) : read_sibling(source, name, number));
  check_set(parts);
  return parts;
}

}  // namespace recast::gguf

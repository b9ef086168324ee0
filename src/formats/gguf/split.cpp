#include "formats/gguf/split.h"

#include <fmt/format.h>

#include <unordered_set>

#include "formats/part_name.h"

namespace recast::gguf {
namespace {

constexpr std::string_view extension = ".gguf";

// An integer key of a part, -1 when there is none.
int64_t split_key(const Part& part, std::string_view key) {
  const MetaValue* value = part.header.metadata.find(key);
  return value ? value->as_int().value_or(-1) : -1;
}

[[noreturn]] void fail_split(const Part& part, std::string where, std::string expected,
                             std::string found) {
  fail(codes::gguf_split, {.where = std::move(where),
                           .expected = std::move(expected),
                           .found = std::move(found),
                           .file = part.file->name()});
}

void require_key(const Part& part, std::string_view key, int64_t expected) {
  const int64_t found = split_key(part, key);
  if (found != expected)
    fail_split(part, key_where(key), fmt::format("{}", expected),
               found < 0 ? "no such key" : fmt::format("{}", found));
}

// The name of the given part, checked against its own split keys.
PartName named_part(const Part& part, int64_t count) {
  const auto name = parse_part_name(part.name, extension);
  const std::string form = part_file_name("PREFIX", 1, static_cast<uint32_t>(count), extension);
  if (!name) fail_split(part, "file name", form + ", to find the other parts", part.name);
  if (name->count != count)
    fail_split(part, key_where("split.count"),
               fmt::format("{}, as the file name says", name->count), fmt::format("{}", count));
  return *name;
}

Part read_sibling(const Source& source, const PartName& of, uint32_t number) {
  Part part{part_file_name(of.prefix, number, of.count, extension), nullptr, {}};
  part.file = source.find(part.name);
  if (!part.file)
    fail(codes::gguf_split_missing,
         {.expected = fmt::format("part {} of {}: {}", number, of.count, printable(part.name)),
          .found = "no such file",
          .file = source.path()});
  part.header = read_header(part.file);
  return part;
}

// The first part speaks for the model: what another one says beside it must be the same, and what
// only that one says is left behind with a word.
void compare_keys(const Part& part, Part& first) {
  for (const auto& [key, value] : part.header.metadata.entries()) {
    if (key.starts_with("split.")) continue;
    const MetaValue* said = first.header.metadata.find(key);
    if (said && *said != value)
      fail_split(part, key_where(key), "the value of the first part", "another one");
    if (!said)
      first.header.warnings.push_back(
          Error(codes::not_carried,
                {.where = key_where(key), .found = "only in this part", .file = part.file->name()}));
  }
}

void check_set(std::vector<Part>& parts) {
  const int64_t total = split_key(parts.front(), "split.tensors.count");
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < parts.size(); ++i) {
    require_key(parts[i], "split.no", static_cast<int64_t>(i));
    require_key(parts[i], "split.count", static_cast<int64_t>(parts.size()));
    require_key(parts[i], "split.tensors.count", total);
    if (i > 0) compare_keys(parts[i], parts.front());
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

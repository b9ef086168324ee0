#include "wire/safetensors_slices.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "wire/json.h"

namespace recast {
namespace {

constexpr std::string_view offsets_key = "saved_offsets";

Shape offsets_of(const json::Value& info, const SafetensorsEntry& entry, const std::string& file) {
  const json::Value* row = info.find(entry.name);
  const json::Value* offsets = row ? row->find(offsets_key) : nullptr;
  const json::Array* items = offsets ? offsets->as_array() : nullptr;
  Shape out;
  bool sound = items && items->size() == entry.shape.size();
  for (size_t i = 0; sound && i < items->size(); ++i) {
    const auto number = (*items)[i].as_int();
    int64_t end = 0;
    sound = number && *number >= 0 && !__builtin_add_overflow(*number, entry.shape[i], &end);
    if (sound) out.push_back(*number);
  }
  if (!sound)
    fail(codes::dcp_metadata,
         {.where = fmt::format("{}, {}", key_where(slices_key), tensor_where(entry.name)),
          .expected = fmt::format("{} offsets in {}", entry.shape.size(), offsets_key),
          .found = row ? printable(json::write(*row)) : "nothing",
          .file = file});
  return out;
}

}  // namespace

std::optional<std::unordered_map<std::string, Shape>> read_slice_offsets(
    const SafetensorsHeader& header, const std::string& file) {
  const auto text = std::find_if(header.metadata.begin(), header.metadata.end(),
                                 [](const auto& pair) { return pair.first == slices_key; });
  if (text == header.metadata.end()) return std::nullopt;
  const json::Value info = json::parse(text->second, {.file = file});
  std::unordered_map<std::string, Shape> out;
  for (const SafetensorsEntry& entry : header.entries)
    out.emplace(entry.name, offsets_of(info, entry, file));
  return out;
}

bool is_slices_name(std::string_view name) {
  return name.starts_with("shard-") && name.find("-model-") != name.npos &&
         name.ends_with(".safetensors");
}

}  // namespace recast

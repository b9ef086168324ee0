#include "convert/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "quantize/recipe.h"

namespace recast {

namespace {

constexpr std::string_view option = "--prune-layers";
constexpr int64_t most_layers = 65'535;

[[noreturn]] void bad(std::string expected, std::string found) {
  fail(codes::bad_value, {.where = std::string(option),
                          .expected = std::move(expected),
                          .found = std::move(found)});
}

int64_t number(std::string_view text) {
  int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most_layers)
    bad("blocks, such as 3,7 or 20-22", printable(text));
  return value;
}

// The name in a model without these blocks; empty for a tensor of one of them.
std::string renamed(const std::string& name, const std::vector<int64_t>& pruned) {
  const int64_t layer = layer_of(name);
  if (layer < 0) return name;
  const auto at = std::lower_bound(pruned.begin(), pruned.end(), layer);
  if (at != pruned.end() && *at == layer) return "";
  return fmt::format("blk.{}{}", layer - (at - pruned.begin()), name.substr(name.find('.', 4)));
}

// A value a block, without those of the blocks.
void shorten(MetaValue& value, int64_t layers, const std::vector<int64_t>& pruned) {
  auto* array = std::get_if<MetaValue::Array>(&value.data);
  if (!array || static_cast<int64_t>(value.array_size()) != layers) return;
  std::visit(
      [&](auto& list) {
        for (auto it = pruned.rbegin(); it != pruned.rend(); ++it) list.erase(list.begin() + *it);
      },
      *array);
}

}  // namespace

std::vector<int64_t> layer_list(std::string_view text) {
  std::vector<int64_t> layers;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(',', start), text.size());
    const std::string_view one = text.substr(start, end - start);
    const size_t dash = one.find('-');
    const int64_t first = number(one.substr(0, dash));
    const int64_t last = dash == std::string_view::npos ? first : number(one.substr(dash + 1));
    if (last < first) bad("a range that rises", printable(one));
    for (int64_t i = first; i <= last; ++i) layers.push_back(i);
    start = end + 1;
  }
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  return layers;
}

void prune_layers(Checkpoint& model, const std::vector<int64_t>& pruned) {
  const MetaValue* name = model.metadata.find("general.architecture");
  const std::string prefix = name && name->as_string() ? *name->as_string() + "." : "";
  const MetaValue* count = model.metadata.find(prefix + "block_count");
  const int64_t layers = count ? count->as_int().value_or(0) : 0;
  if (pruned.back() >= layers)
    bad(fmt::format("blocks from 0 to {}", layers - 1), fmt::format("{}", pruned.back()));
  const auto left = layers - static_cast<int64_t>(pruned.size());
  if (left == 0) bad("a block that is left", "every block");
  std::vector<Tensor> tensors;
  for (Tensor& tensor : model.tensors)
    if (std::string kept = renamed(tensor.name, pruned); !kept.empty())
      tensors.push_back({std::move(kept), tensor.value});
  model.tensors = std::move(tensors);
  for (const auto& [key, value] : std::vector<Metadata::Entry>(model.metadata.entries()))
    if (key.starts_with(prefix) && value.as_array()) {
      MetaValue shorter = value;
      shorten(shorter, layers, pruned);
      model.metadata.set(key, std::move(shorter));
    }
  model.metadata.set(prefix + "block_count", MetaValue::u32(static_cast<uint32_t>(left)));
}

void prune_layers(Importance& importance, const std::vector<int64_t>& pruned) {
  std::map<std::string, ImportanceValues, std::less<>> entries;
  for (const auto& [name, values] : importance.entries)
    if (const std::string kept = renamed(name, pruned); !kept.empty()) entries[kept] = values;
  importance.entries = std::move(entries);
}

}  // namespace recast

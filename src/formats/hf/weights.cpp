#include "formats/hf/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "formats/part_name.h"

namespace recast::hf {
namespace {

constexpr std::string_view single_name = "model.safetensors";
constexpr std::string_view index_name = "model.safetensors.index.json";

// Weights of other kinds, by the end of the file name. They are named, never opened.
struct OtherWeights {
  std::string_view start, end, kind;
};
constexpr OtherWeights other_weights[] = {
    {"consolidated", ".safetensors", "weights under their original names"},
    {"consolidated", ".pth", "original pickle weights"},
    {"pytorch_model", ".bin", "pickle weights"},
    {"", ".bin", "pickle weights"},
    {"", ".pth", "pickle weights"},
    {"", ".pt", "pickle weights"},
    {"", ".ckpt", "pickle weights"},
    {"", ".h5", "Keras weights"},
    {"", ".msgpack", "Flax weights"},
    {"", ".npz", "NumPy weights"},
};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Sets of shards by (prefix, count), with how many of their files are there.
using NamedSets = std::map<std::pair<std::string, uint32_t>, uint32_t>;

NamedSets named_sets(const std::vector<std::string>& files) {
  NamedSets sets;
  for (const std::string& name : files)
    if (const auto part = parse_part_name(name, safetensors_extension))
      ++sets[{part->prefix, part->count}];
  return sets;
}

std::string first_missing(const ShardSet& set, const std::vector<std::string>& files) {
  return *std::find_if(set.names.begin(), set.names.end(),
                       [&](const std::string& name) { return !contains(files, name); });
}

ShardSet choose_named_set(const Source& source, const std::vector<std::string>& files) {
  const NamedSets sets = named_sets(files);
  std::vector<ShardSet> complete;
  for (const auto& [key, found] : sets)
    if (found == key.second) complete.push_back(shards_of_name(key.first, key.second));
  if (complete.size() == 1) return complete.front();
  if (complete.size() > 1)
    fail(codes::weights_ambiguous,
         {.expected = "one set of shards, or an index",
          .found = fmt::format("{} and {}", complete[0].names[0], complete[1].names[0]),
          .file = source.path()});
  const auto& [prefix, count] = sets.begin()->first;
  fail(codes::shard_missing, {.expected = first_missing(shards_of_name(prefix, count), files),
                              .found = fmt::format("{} of {} shards", sets.begin()->second, count),
                              .file = source.path()});
}

[[noreturn]] void fail_without_safetensors(const Source& source,
                                           const std::vector<std::string>& names) {
  for (const OtherWeights& other : other_weights)
    for (const std::string& name : names)
      if (name.starts_with(other.start) && name.ends_with(other.end))
        fail(codes::weights_not_read, {.expected = std::string(single_name),
                                       .found = fmt::format("{}: {}", printable(name), other.kind),
                                       .file = source.path()});
  fail(codes::weights_missing, {.expected = std::string(single_name), .file = source.path()});
}

ShardSet choose_set(const Source& source, const std::vector<std::string>& names,
                    const std::vector<std::string>& files) {
  if (contains(names, single_name)) return {{std::string(single_name)}, {}};
  if (contains(names, index_name)) return shards_of_index(source, std::string(index_name));
  if (files.empty()) fail_without_safetensors(source, names);
  if (!named_sets(files).empty()) return choose_named_set(source, files);
  // Weights under their usual pickle name are the model; a safetensors file of another name beside
  // them is something else, such as recorded outputs.
  for (const std::string& name : names)
    if (name.starts_with("pytorch_model") && name.ends_with(".bin"))
      fail_without_safetensors(source, names);
  if (files.size() == 1) return {files, {}};
  fail(codes::weights_ambiguous, {.expected = std::string(single_name),
                                  .found = fmt::format("{} and {}", files[0], files[1]),
                                  .file = source.path()});
}

}  // namespace

Weights choose_weights(const Source& source) {
  const std::vector<std::string> names = source.list();
  std::vector<std::string> files;  // candidates
  for (const std::string& name : names)
    if (name.ends_with(safetensors_extension) && !name.starts_with("consolidated") &&
        !name.starts_with("adapter_model"))
      files.push_back(name);
  Weights weights{choose_set(source, names, files), {}};
  for (const std::string& name : files)
    if (!contains(weights.set.names, name)) weights.ignored.push_back(name);
  // An index beside the single file is checked when it speaks of that file, stale when it does not.
  if (weights.set.index.empty() && contains(names, index_name)) {
    ShardSet indexed = shards_of_index(source, std::string(index_name));
    if (indexed.names == weights.set.names)
      weights.set = std::move(indexed);
    else
      weights.ignored.emplace_back(index_name);
  }
  return weights;
}

}  // namespace recast::hf

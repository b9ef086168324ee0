#include "formats/hf/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "formats/part_name.h"
#include "formats/spelling.h"
#include "formats/torch_weights.h"
#include "model/optimizer.h"

namespace recast::hf {
namespace {

constexpr std::string_view single_name = "model.safetensors";
constexpr std::string_view index_name = "model.safetensors.index.json";
constexpr std::string_view torch_single_name = "pytorch_model.bin";
constexpr std::string_view torch_index_name = "pytorch_model.bin.index.json";
constexpr std::string_view torch_start = "pytorch_model";
constexpr std::string_view torch_shard_extension = ".bin";
// Files of torch.save that trainers leave beside the weights.
constexpr std::string_view no_weights[] = {"training_args", "optimizer", "scheduler",
                                           "scaler",        "rng_state", "adapter_model",
                                           "consolidated"};

// Weights of other kinds, by the end of the file name. They are named, never opened.
struct OtherWeights {
  std::string_view start, end, kind;
};
constexpr OtherWeights other_weights[] = {
    {"consolidated", ".safetensors", "weights under their original names"},
    {"consolidated", ".pth", "weights under their original names"},
    {"adapter_model", ".bin", "an adapter"},
    {"", ".h5", "Keras weights"},
    {"", ".msgpack", "Flax weights"},
    {"", ".npz", "NumPy weights"},
};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Sets of shards by (prefix, count), with how many of their files are there.
using NamedSets = std::map<std::pair<std::string, uint32_t>, uint32_t>;

NamedSets named_sets(const std::vector<std::string>& files, std::string_view extension) {
  NamedSets sets;
  for (const std::string& name : files)
    if (const auto part = parse_part_name(name, extension)) ++sets[{part->prefix, part->count}];
  return sets;
}

std::string first_missing(const ShardSet& set, const std::vector<std::string>& files) {
  return *std::find_if(set.names.begin(), set.names.end(),
                       [&](const std::string& name) { return !contains(files, name); });
}

// Requires: some of the files are named so.
ShardSet choose_named_set(const Source& source, const std::vector<std::string>& files,
                          std::string_view extension) {
  const NamedSets sets = named_sets(files, extension);
  std::vector<ShardSet> complete;
  for (const auto& [key, found] : sets)
    if (found == key.second) complete.push_back(shards_of_name(key.first, key.second, extension));
  if (complete.size() == 1) return complete.front();
  if (complete.size() > 1)
    fail(codes::weights_ambiguous,
         {.expected = "one set of shards, or an index",
          .found = fmt::format("{} and {}", complete[0].names[0], complete[1].names[0]),
          .file = source.path()});
  const auto& [prefix, count] = sets.begin()->first;
  fail(codes::shard_missing,
       {.expected = first_missing(shards_of_name(prefix, count, extension), files),
        .found = fmt::format("{} of {} shards", sets.begin()->second, count),
        .file = source.path()});
}

bool is_torch_weights(const std::string& name) {
  const size_t dot = std::min(name.rfind('.'), name.size());
  return is_spelled(name.substr(dot), torch_extensions) &&
         std::none_of(std::begin(no_weights), std::end(no_weights),
                      [&](std::string_view start) { return name.starts_with(start); });
}

bool has_usual_torch_name(const std::string& name) {
  return name == torch_index_name ||
         (name.starts_with(torch_start) && name.ends_with(torch_shard_extension));
}

// The weights among files of torch.save; no names when there are none.
ShardSet choose_torch(const Source& source, const std::vector<std::string>& names) {
  if (contains(names, torch_single_name)) return {{std::string(torch_single_name)}, {}};
  if (contains(names, torch_index_name))
    return shards_of_index(source, std::string(torch_index_name));
  std::vector<std::string> files;
  std::copy_if(names.begin(), names.end(), std::back_inserter(files), is_torch_weights);
  if (!named_sets(files, torch_shard_extension).empty())
    return choose_named_set(source, files, torch_shard_extension);
  if (files.size() > 1)
    fail(codes::weights_ambiguous, {.expected = std::string(torch_single_name),
                                    .found = fmt::format("{} and {}", files[0], files[1]),
                                    .file = source.path()});
  return {std::move(files), {}};
}

[[noreturn]] void fail_without_weights(const Source& source,
                                       const std::vector<std::string>& names) {
  for (const OtherWeights& other : other_weights)
    for (const std::string& name : names)
      if (name.starts_with(other.start) && name.ends_with(other.end))
        fail(codes::weights_not_read, {.expected = std::string(single_name),
                                       .found = fmt::format("{}: {}", printable(name), other.kind),
                                       .file = source.path()});
  fail(codes::weights_missing, {.expected = std::string(single_name), .file = source.path()});
}

ShardSet require_torch(const Source& source, const std::vector<std::string>& names) {
  ShardSet set = choose_torch(source, names);
  if (set.names.empty()) fail_without_weights(source, names);
  set.torch = true;
  return set;
}

ShardSet choose_set(const Source& source, const std::vector<std::string>& names,
                    const std::vector<std::string>& files) {
  if (contains(names, single_name)) return {{std::string(single_name)}, {}};
  if (contains(names, index_name)) return shards_of_index(source, std::string(index_name));
  if (files.empty()) return require_torch(source, names);
  if (!named_sets(files, safetensors_extension).empty())
    return choose_named_set(source, files, safetensors_extension);
  // Weights under their usual pickle name are the model; a safetensors file of another name beside
  // them is something else, such as recorded outputs.
  if (std::any_of(names.begin(), names.end(), has_usual_torch_name))
    return require_torch(source, names);
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
        !name.starts_with("adapter_model") && name != optimizer_file_name)
      files.push_back(name);
  Weights weights{choose_set(source, names, files), {}};
  if (weights.set.torch) return weights;
  for (const std::string& name : files)
    if (!contains(weights.set.names, name)) weights.ignored.push_back(name);
  // Chunks of a distributed checkpoint whose whole weights stand beside them.
  if (contains(names, ".metadata")) weights.ignored.emplace_back(".metadata");
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

#include "formats/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>

#include "codec/codecs.h"
#include "formats/part_name.h"
#include "formats/tensor_sums.h"
#include "formats/torch_weights.h"
#include "tensor/lazy_ops.h"
#include "wire/safetensors.h"
#include "wire/safetensors_index.h"
#include "wire/safetensors_slices.h"

namespace recast {
namespace {

constexpr uint64_t index_sniff_bytes = 64 << 10;

constexpr std::pair<std::string_view, const Codec*> dtypes[] = {
    {"F64", &codec::f64},
    {"F32", &codec::f32},
    {"F16", &codec::f16},
    {"BF16", &codec::bf16},
    {"F8_E4M3", &codec::f8_e4m3},
    {"F8_E5M2", &codec::f8_e5m2},
    {"F8_E4M3FNUZ", &codec::f8_e4m3fnuz},
    {"F8_E5M2FNUZ", &codec::f8_e5m2fnuz},
    {"F8_E8M0", &codec::f8_e8m0},
    {"F6_E2M3", &codec::f6_e2m3},
    {"F6_E3M2", &codec::f6_e3m2},
    {"F4", &codec::f4},
    {"I64", &codec::i64},
    {"I32", &codec::i32},
    {"I16", &codec::i16},
    {"I8", &codec::i8},
    {"U64", &codec::u64},
    {"U32", &codec::u32},
    {"U16", &codec::u16},
    {"U8", &codec::u8},
    {"BOOL", &codec::boolean},
    {"C64", &codec::c64},
};
static_assert(std::size(dtypes) == std::size(safetensors_dtypes));

const Codec& codec_of(std::string_view dtype) {
  return *std::find_if(std::begin(dtypes), std::end(dtypes), [&](const auto& row) {
            return row.first == dtype;
          })->second;
}

// Where each tensor was found: the index of its shard.
using Homes = std::unordered_map<std::string_view, size_t>;

// A rank's slices carry the names of the whole tensors. Zeros alone may be the first rank's, or a
// file that was saved by one rank: its name or an index tells.
void refuse_slices(const std::string& name, const ShardSet& set, const SafetensorsHeader& header,
                   const std::string& file, Checkpoint& checkpoint) {
  const auto offsets = read_slice_offsets(header, file);
  if (!offsets) return;
  const auto slice = std::find_if(offsets->begin(), offsets->end(), [](const auto& pair) {
    return std::any_of(pair.second.begin(), pair.second.end(), [](int64_t n) { return n != 0; });
  });
  if (slice != offsets->end() || is_slices_name(name))
    fail(codes::dcp_slices,
         {.where = slice != offsets->end() ? tensor_where(slice->first) : key_where(slices_key),
          .expected = "whole tensors",
          .found = slice != offsets->end()
                       ? fmt::format("a slice that begins at {}", to_string(slice->second))
                       : "a file of one rank",
          .file = file});
  if (set.index.empty())
    add_warning(checkpoint.warnings,
                Error(codes::assumed, {.where = key_where(slices_key),
                                       .found = "the tensors are whole, saved by one rank",
                                       .fix = "if other ranks saved too, name their folder",
                                       .file = file}));
}

void read_shard(const std::string& name, const ShardSet& set, std::shared_ptr<const File> file,
                Checkpoint& checkpoint, std::vector<std::string>& sums) {
  SafetensorsHeader header = read_safetensors_header(*file);
  refuse_slices(name, set, header, file->name(), checkpoint);
  if (header.ignored_members > 0)
    add_warning(checkpoint.warnings,
                Error(codes::members_ignored,
                      {.where = header.first_ignored,
                       .expected = "dtype, shape and data_offsets of each tensor",
                       .found = fmt::format("{} other members", header.ignored_members),
                       .file = file->name()}));
  for (SafetensorsEntry& entry : header.entries) {
    ValuePtr value = stored(file, entry.begin, std::move(entry.shape), codec_of(entry.dtype));
    checkpoint.tensors.push_back({std::move(entry.name), std::move(value)});
  }
  for (auto& [key, value] : header.metadata) {
    if (key == slices_key || key == slices_version_key) continue;
    if (key == tensor_sums_key)
      sums.push_back(std::move(value));
    else if (!checkpoint.metadata.find(key))
      checkpoint.metadata.set(key, MetaValue::string(std::move(value)));
  }
  checkpoint.files.emplace_back(name, std::move(file));
}

void check_duplicates(const ShardSet& set, const Checkpoint& checkpoint, const Homes& homes,
                      const Tensor& tensor, size_t shard) {
  const auto home = homes.find(tensor.name);
  if (home == homes.end()) return;
  fail(codes::shard_duplicate,
       {.where = tensor_where(tensor.name),
        .found = fmt::format("in {} and in {}", set.names[home->second], set.names[shard]),
        .file = checkpoint.files.back().second->name()});
}

// Index and shards must say the same of every tensor.
void check_index(const ShardSet& set, const ShardIndex& index, const std::string& file,
                 const Homes& homes) {
  for (const auto& [tensor, named] : index.weight_map) {
    const auto home = homes.find(tensor);
    if (home != homes.end() && set.names[home->second] == named) continue;
    fail(
        codes::shard_mismatch,
        {.where = tensor_where(tensor),
         .expected = fmt::format("in {}, as weight_map says", printable(named)),
         .found = home == homes.end() ? fmt::format("not in {} nor in any shard", printable(named))
                                      : fmt::format("not in it but in {}", set.names[home->second]),
         .file = file});
  }
  if (index.weight_map.size() == homes.size()) return;
  std::set<std::string_view> named;
  for (const auto& [tensor, shard] : index.weight_map) named.insert(tensor);
  for (const auto& [tensor, shard] : std::map(homes.begin(), homes.end()))
    if (!named.contains(tensor))
      fail(codes::shard_mismatch, {.where = tensor_where(tensor),
                                   .expected = "an entry in weight_map",
                                   .found = "only in " + set.names[shard],
                                   .file = file});
}

void check_total_size(const ShardIndex& index, const std::string& file, Checkpoint& checkpoint) {
  uint64_t bytes = 0;
  for (const Tensor& tensor : checkpoint.tensors) bytes += tensor.bytes();
  const auto claim = std::find_if(index.metadata.begin(), index.metadata.end(),
                                  [](const auto& member) { return member.first == "total_size"; });
  if (claim == index.metadata.end() || claim->second.is_null() || index.total_size == bytes) return;
  add_warning(checkpoint.warnings,
              Error(codes::total_size, {.where = key_where("metadata.total_size"),
                                        .expected = fmt::format("{} bytes", bytes),
                                        .found = printable(json::write(claim->second)),
                                        .file = file}));
}

// The sums of all files, given in the order of names within each, in the order of the tensors.
// `first` holds the index of the first tensor of each shard.
std::vector<std::string> sums_in_order(const Checkpoint& checkpoint,
                                       const std::vector<std::string>& texts,
                                       const std::vector<size_t>& first) {
  std::vector<std::string> sums(checkpoint.tensors.size());
  for (size_t shard = 0; shard < texts.size(); ++shard) {
    const size_t begin = first[shard];
    const size_t end = shard + 1 < first.size() ? first[shard + 1] : sums.size();
    std::vector<size_t> order;
    for (size_t i = begin; i < end; ++i) order.push_back(i);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return checkpoint.tensors[a].name < checkpoint.tensors[b].name;
    });
    const std::string_view text = texts[shard];
    const size_t stride = tensor_sum_digits + 1;
    if (text.size() + 1 != order.size() * stride) return {};
    for (size_t i = 0; i < order.size(); ++i)
      sums[order[i]] = text.substr(i * stride, tensor_sum_digits);
  }
  return sums;
}

}  // namespace

bool begins_as_index(const File& file, std::string_view extension) {
  const Window window = file.window(0, std::min(file.size(), index_sniff_bytes));
  const std::string_view text(reinterpret_cast<const char*>(window.bytes().data()),
                              window.bytes().size());
  const size_t brace = text.find_first_not_of(" \t\r\n");
  return brace != std::string_view::npos && text[brace] == '{' &&
         text.find("\"weight_map\"") != std::string_view::npos &&
         text.find(fmt::format("{}\"", extension)) != std::string_view::npos;
}

ShardSet shards_of_index(const Source& source, const std::string& index) {
  std::set<std::string> names;
  for (const auto& [tensor, shard] :
       read_shard_index(*source.open(std::string_view(index))).weight_map)
    names.insert(shard);
  return {{names.begin(), names.end()}, index};
}

ShardSet shards_of_name(std::string_view prefix, uint32_t count, std::string_view extension) {
  ShardSet set;
  for (uint32_t number = 1; number <= count; ++number)
    set.names.push_back(part_file_name(prefix, number, count, extension));
  return set;
}

void read_shards(const Source& source, const ShardSet& set, const ReadOptions& options,
                 Checkpoint& checkpoint) {
  std::vector<std::string> sums;
  std::vector<size_t> first;
  for (const std::string& name : set.names) {
    auto file = source.find(name);
    if (!file)
      fail(codes::shard_missing,
           {.expected = printable(name), .found = "no such file", .file = source.path()});
    first.push_back(checkpoint.tensors.size());
    if (set.torch)
      read_torch_weights(name, std::move(file), options, checkpoint);
    else
      read_shard(name, set, std::move(file), checkpoint, sums);
  }
  Homes homes;
  for (size_t shard = 0, i = 0; i < checkpoint.tensors.size(); ++i) {
    while (shard + 1 < first.size() && i >= first[shard + 1]) ++shard;
    check_duplicates(set, checkpoint, homes, checkpoint.tensors[i], shard);
    homes.emplace(checkpoint.tensors[i].name, shard);
  }
  if (!set.index.empty()) {
    const auto file = source.open(std::string_view(set.index));
    const ShardIndex index = read_shard_index(*file);
    check_index(set, index, file->name(), homes);
    // Of pickles the sum counts a storage once that several tensors share.
    if (!set.torch) check_total_size(index, file->name(), checkpoint);
    checkpoint.files.emplace_back(set.index, file);
  }
  if (sums.size() == set.names.size()) {
    checkpoint.metadata.set(tensor_sums_key,
                            MetaValue::strings(sums_in_order(checkpoint, sums, first)));
    check_tensor_sums(checkpoint, checkpoint.files.front().second->name());
  }
}

std::string_view safetensors_type_name(const Codec& codec) {
  const auto* row = std::find_if(std::begin(dtypes), std::end(dtypes),
                                 [&](const auto& pair) { return pair.second == &codec; });
  return row == std::end(dtypes) ? std::string_view() : row->first;
}

}  // namespace recast

#include <fmt/format.h>

#include <algorithm>

#include "formats/part_name.h"
#include "formats/shards.h"
#include "formats/tensor_sums.h"
#include "wire/json.h"
#include "wire/safetensors.h"

namespace recast {
namespace {

std::vector<TensorRange> fill_shards(const Checkpoint& checkpoint, TensorRange range,
                                     uint64_t shard_size) {
  std::vector<TensorRange> shards{{range.begin, range.begin}};
  uint64_t filled = 0;
  for (size_t i = range.begin; i < range.end; ++i) {
    const uint64_t bytes = checkpoint.tensors[i].bytes();
    if (shards.back().end > shards.back().begin &&
        (filled > shard_size || bytes > shard_size - filled)) {
      shards.push_back({i, i});
      filled = 0;
    }
    filled += bytes;
    shards.back().end = i + 1;
  }
  return shards;
}

// Metadata of one file. Loaders of the family refuse a file that does not say `format`.
SafetensorsMetadata shard_metadata(const Checkpoint& checkpoint, const std::string& sums) {
  SafetensorsMetadata metadata{{"format", "pt"}};
  for (const auto& [key, value] : checkpoint.metadata.entries())
    if (const auto* text = value.as_string(); text && key != "format" && key != tensor_sums_key)
      metadata.emplace_back(key, *text);
  if (!sums.empty()) metadata.emplace_back(tensor_sums_key, sums);
  return metadata;
}

// As many zeros and commas as the sums of the range will be.
std::string sums_placeholder(TensorRange range) {
  std::string sums;
  for (size_t i = range.begin; i < range.end; ++i) {
    if (i > range.begin) sums += ',';
    sums.append(tensor_sum_digits, '0');
  }
  return sums;
}

// Finds the placeholder in the header: quotes inside strings are escaped, so that the quoted key
// can only be the key, and `__metadata__` stands before every tensor.
void place_sums(const Checkpoint& checkpoint, TensorRange range, size_t file,
                const std::string& header, const std::string& sums, Layout& layout) {
  const size_t key = header.find(fmt::format("\"{}\"", tensor_sums_key));
  const uint64_t first = header.find(sums, key);
  std::vector<size_t> order;
  for (size_t i = range.begin; i < range.end; ++i) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return checkpoint.tensors[a].name < checkpoint.tensors[b].name;
  });
  for (size_t i = 0; i < order.size(); ++i)
    layout.sums.push_back({order[i], file, first + i * (tensor_sum_digits + 1)});
}

void add_shard(const Checkpoint& checkpoint, TensorRange range, bool with_sums, std::string name,
               Layout& layout) {
  std::vector<SafetensorsTensor> tensors;
  for (size_t i = range.begin; i < range.end; ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    const std::string_view dtype = safetensors_type_name(tensor.codec());
    if (dtype.empty())
      fail(codes::type_not_stored, {.where = tensor_where(tensor.name),
                                    .expected = "a dtype of safetensors",
                                    .found = std::string(tensor.codec().name)});
    tensors.push_back({tensor.name, dtype, tensor.shape()});
  }
  const std::string sums = with_sums ? sums_placeholder(range) : std::string();
  const SafetensorsLayout plan = plan_safetensors(tensors, shard_metadata(checkpoint, sums));
  const size_t file = layout.files.size();
  std::string header(reinterpret_cast<const char*>(plan.header.data()), plan.header.size());
  if (!sums.empty()) place_sums(checkpoint, range, file, header, sums, layout);
  for (size_t i = range.begin; i < range.end; ++i)
    layout.places.push_back({i, file, plan.offsets[i - range.begin]});
  layout.files.push_back({std::move(name), plan.file_bytes});
  layout.pieces.push_back({file, 0, std::move(header)});
}

void add_index(const Checkpoint& checkpoint, const std::vector<TensorRange>& shards,
               const std::string& stem, Layout& layout) {
  uint64_t total_size = 0;
  json::Object weight_map;
  for (size_t shard = 0; shard < shards.size(); ++shard)
    for (size_t i = shards[shard].begin; i < shards[shard].end; ++i) {
      total_size += checkpoint.tensors[i].bytes();
      weight_map.emplace_back(
          checkpoint.tensors[i].name,
          part_file_name(stem, static_cast<uint32_t>(shard + 1),
                         static_cast<uint32_t>(shards.size()), safetensors_extension));
    }
  std::sort(weight_map.begin(), weight_map.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  json::Object index;
  index.emplace_back("metadata", json::Object{{"total_size", total_size}});
  index.emplace_back("weight_map", std::move(weight_map));
  std::string text = json::write(std::move(index), 2) + "\n";
  layout.files.push_back({stem + ".safetensors.index.json", text.size()});
  layout.pieces.push_back({layout.files.size() - 1, 0, std::move(text)});
}

}  // namespace

void lay_out_shards(const Checkpoint& checkpoint, TensorRange range, const WriteOptions& options,
                    const std::string& stem, Layout& layout) {
  const std::vector<TensorRange> shards = fill_shards(checkpoint, range, options.shard_size);
  if (shards.size() == 1)
    return add_shard(checkpoint, shards[0], options.tensor_sums,
                     stem + std::string(safetensors_extension), layout);
  add_index(checkpoint, shards, stem, layout);
  for (size_t shard = 0; shard < shards.size(); ++shard)
    add_shard(checkpoint, shards[shard], options.tensor_sums,
              part_file_name(stem, static_cast<uint32_t>(shard + 1),
                             static_cast<uint32_t>(shards.size()), safetensors_extension),
              layout);
}

void lay_out_file(const Checkpoint& checkpoint, TensorRange range, std::string name,
                  Layout& layout) {
  add_shard(checkpoint, range, false, std::move(name), layout);
}

}  // namespace recast

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/format.h"

// Files as the weights of a model: one, or shards with or without an index; safetensors, or files of
// torch.save, which are only read. Both the folder format and the bare formats use them.
namespace recast {

inline constexpr std::string_view safetensors_extension = ".safetensors";

// Which files hold the weights.
struct ShardSet {
  std::vector<std::string> names;  // in order; one for an unsharded model
  std::string index;               // name of the index file, empty when there is none
  bool torch = false;              // files of torch.save instead of safetensors
};
// Whether a file begins as an index of files with this extension does: a JSON object whose
// weight_map is in sight, since only short metadata stands before it.
bool begins_as_index(const File& file, std::string_view extension);
// The shards that an index names, sorted. Throws what read_shard_index throws.
ShardSet shards_of_index(const Source& source, const std::string& index);
// All `count` files of a set that is known by its names alone.
ShardSet shards_of_name(std::string_view prefix, uint32_t count,
                        std::string_view extension = safetensors_extension);

// Appends tensors, metadata (the first shard that has a key wins) and files to the checkpoint.
// Tensors come in the order of the files. Throws shard_missing, shard_duplicate, shard_mismatch
// when a tensor is not in the shard that the index names or in none, dcp_slices, and what
// read_safetensors_header or read_torch_weights throws; a wrong total_size is a warning.
void read_shards(const Source& source, const ShardSet& set, const ReadOptions& options,
                 Checkpoint& checkpoint);

// Tensors [begin, end) of a checkpoint.
struct TensorRange {
  size_t begin, end;
};

// Appends to the layout the tensors of the range: STEM.safetensors, or, above options.shard_size bytes of tensors,
// STEM.safetensors.index.json and STEM-00001-of-0000N.safetensors. Tensors fill the shards in their
// order; a larger one has a shard to itself. Within a file the reference library's order holds.
// `__metadata__` is format: pt and the string values of Checkpoint::metadata. With tensor_sums each
// file has `recast.tensor_sums` there: the sums of its tensors, in the order of their names (by
// bytes), separated by commas. Throws type_not_stored and what plan_safetensors throws.
void lay_out_shards(const Checkpoint& checkpoint, TensorRange range, const WriteOptions& options,
                    const std::string& stem, Layout& layout);
// The same in one file of this name, whatever its size, without sums.
void lay_out_file(const Checkpoint& checkpoint, TensorRange range, std::string name,
                  Layout& layout);

// The codec's name in safetensors; empty when the format cannot hold it.
std::string_view safetensors_type_name(const Codec& codec);

}  // namespace recast

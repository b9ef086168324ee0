#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/file.h"
#include "wire/json.h"

namespace recast {

// `model.safetensors.index.json` and its siblings (`pytorch_model.bin.index.json` is the same).
struct ShardIndex {
  std::vector<std::pair<std::string, std::string>> weight_map;  // tensor, file; in text order
  std::optional<uint64_t> total_size;                           // as claimed; empty: no such number
  json::Object metadata;                                        // all of it, total_size included
};

// Reads the index. What it claims (files, tensors, sizes) is not compared with any shard. Throws
// shard_index for a wrong structure, unsafe_name for a file name that leaves the folder, and what
// json::parse_file throws.
ShardIndex read_shard_index(const File& file);

}  // namespace recast

#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "tensor/shape.h"
#include "wire/safetensors.h"

// Files of torch.distributed.checkpoint in the safetensors form: each rank writes one with its
// slices, under the names of the whole tensors. Only a text in `__metadata__` says so.
namespace recast {

inline constexpr std::string_view slices_key = "DCP_SHARDING_INFO";
inline constexpr std::string_view slices_version_key = "DCP_VERSION";

// Where the tensors of the file begin in the whole ones, by name; empty when the file does not say
// that it is one of slices. `file` is to blame. Throws dcp_metadata when the text is not JSON of
// {NAME: {"saved_offsets": [...]}} with as many offsets as axes for each tensor. A file of one rank
// that saved alone says so too, with zeros. Source: PyTorch, checkpoint/hf_storage.py.
std::optional<std::unordered_map<std::string, Shape>> read_slice_offsets(
    const SafetensorsHeader& header, const std::string& file);

// shard-00001-model-00001-of-00001.safetensors: the first number is that of a rank.
bool is_slices_name(std::string_view name);

}  // namespace recast

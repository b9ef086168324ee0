#pragma once

#include <cstdint>
#include <string_view>

namespace recast {

// A dtype of PyTorch: its name there, the class of its storages (empty for those that came later
// and use UntypedStorage) and what it is called in safetensors (empty: no format holds it).
struct TorchDtype {
  std::string_view name;
  std::string_view storage;
  uint64_t bytes;          // of an element
  uint64_t swapped_bytes;  // unit that a big-endian file has reversed
  std::string_view plain;
};

// By the name of a dtype, with or without "torch."; null when unknown.
const TorchDtype* find_torch_dtype(std::string_view name);
// By a storage class, as "torch.FloatStorage" or "torch.cuda.FloatStorage". UntypedStorage is
// uint8: a storage of bytes.
const TorchDtype* find_torch_storage(std::string_view class_name);

}  // namespace recast

#pragma once

#include <string>
#include <string_view>

#include "tensor/shape.h"
#include "wire/torch_dtype.h"
#include "wire/torch_file.h"

namespace recast {

// A tensor as a view of a storage. Offset and strides count elements; every element lies inside.
struct TorchTensor {
  const TorchDtype* dtype = nullptr;
  Shape shape, stride;
  int64_t offset = 0;
  TorchExtent storage;

  // Row-major without gaps.
  bool is_contiguous() const;
  // Elements from the first to behind the last one that it uses.
  int64_t span() const;
};

// Whether the node is a tensor, of whatever kind: a call of one of PyTorch's rebuild functions, or
// a tensor of a tar.
bool is_torch_tensor(const TorchFile& file, const PickleNode& node);
// Whether it is a storage, which has neither shape nor name.
bool is_torch_storage(const TorchFile& file, const PickleNode& node);
// The class that a tensor claims to be of when that is none of PyTorch's; empty otherwise.
std::string_view foreign_tensor_class(const TorchFile& file, const PickleNode& node);
// The attributes that were pickled with a tensor; 0 when there are none.
PickleRef tensor_attributes(const TorchFile& file, const PickleNode& node);

// The tensor of a node, for which is_torch_tensor or is_torch_storage holds; a storage is a vector.
// `name` is for errors. Throws torch_storage, torch_tensor; torch_dtype for dtypes that no format
// holds; torch_kind for quantized, sparse, nested, meta, conjugated ... tensors.
TorchTensor rebuild_tensor(const TorchFile& file, PickleRef node, const std::string& name);

}  // namespace recast

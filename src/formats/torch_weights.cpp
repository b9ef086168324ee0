#include "formats/torch_weights.h"

#include <fmt/format.h>

#include "codec/codecs.h"
#include "tensor/lazy_ops.h"
#include "tensor/strided.h"
#include "wire/torch_state_dict.h"
#include "wire/torch_tensor.h"

namespace recast {
namespace {

// Two 4-bit values share a byte and PyTorch counts bytes: the last axis is twice as long.
void unpack_shape(const TorchFile& file, const std::string& name, bool contiguous,
                  TorchTensor& tensor) {
  if (tensor.shape.empty() || !contiguous ||
      __builtin_mul_overflow(tensor.shape.back(), 2, &tensor.shape.back()))
    fail(codes::torch_kind, {.where = tensor_where(name),
                             .expected = "rows of whole bytes",
                             .found = "a strided view of packed values",
                             .file = file.name});
}

}  // namespace

ValuePtr torch_value(const TorchFile& file, TorchTensor tensor, const std::string& name) {
  const Codec& codec = *codec::find(tensor.dtype->plain);
  const uint64_t begin =
      tensor.storage.offset + static_cast<uint64_t>(tensor.offset) * tensor.dtype->bytes;
  const uint64_t unit = file.big_endian ? tensor.dtype->swapped_bytes : 1;
  const bool contiguous = tensor.is_contiguous();
  if (codec.block_elements > 1) unpack_shape(file, name, contiguous, tensor);
  if (contiguous)
    return byte_swapped(stored(tensor.storage.file, begin, std::move(tensor.shape), codec), unit);
  ValuePtr span = stored(tensor.storage.file, begin, {tensor.span()}, codec);
  return strided(byte_swapped(std::move(span), unit), std::move(tensor.shape),
                 std::move(tensor.stride));
}

void read_torch_weights(const std::string& name, std::shared_ptr<const File> file,
                        const ReadOptions& options, Checkpoint& checkpoint) {
  const TorchFile torch = read_torch_file(file);
  const StateDict weights =
      find_state_dict(torch, {.foreign_objects = options.unsafe_pickle,
                              .keep_optimizer = options.keep_optimizer});
  for (const auto* tensors : {&weights.tensors, &weights.optimizer})
    for (const NamedNode& tensor : *tensors)
      checkpoint.tensors.push_back(
          {tensor.name,
           torch_value(torch, rebuild_tensor(torch, tensor.node, tensor.name), tensor.name)});
  for (const auto& [path, value] : weights.values) {
    const std::string key = fmt::format("{}{}", torch_value_prefix, path);
    if (!checkpoint.metadata.find(key))
      checkpoint.metadata.set(key, MetaValue::string(json::write(value)));
  }
  for (const auto* warnings : {&torch.warnings, &weights.warnings})
    for (const Finding& warning : *warnings) add_warning(checkpoint.warnings, warning);
  checkpoint.files.emplace_back(name, std::move(file));
}

}  // namespace recast

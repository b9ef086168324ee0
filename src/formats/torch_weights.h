#pragma once

#include "formats/format.h"
#include "wire/torch_tensor.h"

// A file of torch.save as weights of a model. Both the bare format and the model folder read them.
namespace recast {

// Blank separated, as files of torch.save are called.
inline constexpr std::string_view torch_extensions = ".pt .pth .bin .ckpt";

// Metadata keys of plain values that stood beside weights of PyTorch, in JSON.
inline constexpr std::string_view torch_value_prefix = "src.pytorch.";

// The values of a tensor of the file: an extent where it has no gaps, else a view of what it spans.
// Two 4-bit values share a byte, and PyTorch counts bytes: such a tensor gets twice as long rows.
// Throws torch_kind for strided views of packed values. `name` is for errors.
ValuePtr torch_value(const TorchFile& file, TorchTensor tensor, const std::string& name);

// Appends the tensors of the file to the checkpoint, behind them those of optimizers where the
// options keep them (model/optimizer.h), and plain values beside them as metadata
// `src.pytorch.KEY` in JSON (the first file that has a key wins); the file itself and its warnings
// too. Weights stay where they are: a tensor without gaps is an extent, another one a view of what
// it spans. Throws what read_torch_file, find_state_dict and rebuild_tensor throw.
void read_torch_weights(const std::string& name, std::shared_ptr<const File> file,
                        const ReadOptions& options, Checkpoint& checkpoint);

}  // namespace recast

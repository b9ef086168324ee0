#pragma once

#include "formats/format.h"

namespace recast::dcp {

// Appends the tensors of the model to the checkpoint, each an assembly of its chunks, behind them
// those of optimizers where the options keep them (model/optimizer.h), else nothing of these is
// read. Plain values beside them become metadata `src.pytorch.KEY` in JSON, what is left is listed.
// Of the .distcp files headers and pickles are read. Throws what read_metadata throws;
// shard_missing for a file that is not there; dcp_payload for a chunk beyond the end of its file or
// of another dtype or size than claimed; dcp_transform for packed chunks; torch_dtype, torch_kind;
// no_state_dict without tensors; what read_torch_file throws.
void read_chunks(const Source& source, std::shared_ptr<const File> metadata,
                 const ReadOptions& options, Checkpoint& checkpoint);

}  // namespace recast::dcp

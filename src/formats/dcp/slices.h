#pragma once

#include "formats/format.h"

namespace recast::dcp {

// Puts the slices of all shard-*.safetensors of the folder together and appends the tensors. No
// file says how large a tensor is: it ends where its last slice does, which is a warning. Throws
// weights_missing without such files, dcp_metadata for one that does not say where its tensors
// begin, dcp_payload when slices of a tensor differ in dtype or number of axes, torch_kind for
// values that share a byte, dcp_cover, and what read_safetensors_header and read_slice_offsets
// throw.
void read_slices(const Source& source, Checkpoint& checkpoint);

}  // namespace recast::dcp

#pragma once

#include "formats/format.h"

namespace recast::formats {

// Folders of torch.distributed.checkpoint: `.metadata` with the .distcp files of all ranks, or
// their slices in safetensors. Read only.
extern const Format dcp;

}  // namespace recast::formats

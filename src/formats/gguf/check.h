#pragma once

#include <string>

#include "model/checkpoint.h"

namespace recast::gguf {

// What a loader divides by or counts with, compared with the tensors: head_count 0 beside attention
// tensors, more blocks than tensors, counts that are no numbers. Throws gguf_metadata_value with
// the key; a missing architecture is a warning of the checkpoint.
void check_metadata(Checkpoint& checkpoint, const std::string& file);

}  // namespace recast::gguf

#pragma once

#include <memory>

#include "formats/format.h"

namespace recast::formats {
// Bare weights: one safetensors file, or shards, which any of them or their index stands for. With
// a config.json beside it the checkpoint has config and side files, as a folder would.
extern const Format safetensors;
}  // namespace recast::formats

#pragma once

#include "formats/format.h"

namespace recast::formats {

// Llama as Meta publishes it: params.json and consolidated.NN.pth, one file a model-parallel rank.
// Read only.
extern const Format meta;

}  // namespace recast::formats

#pragma once

#include "convert/plan.h"

namespace recast {

// What --keep-split writes into ConvertOptions::split.
inline constexpr std::string_view kept_split = "kept";

// Cuts the target of a GGUF that stands in several files where its source is cut; a warning where
// there is nothing to keep. Requires: the tensors are assembled, no byte is placed.
void keep_split(Plan& plan);

}  // namespace recast

#pragma once

#include "formats/format.h"

namespace recast::fuzz {

// What the program does with a model that a format has read: recognises it, reads its values,
// assembles and lays out a target in every format that can be written, and reads that again.
// Throws what the first refused step throws; aborts when a target that was laid out is refused by
// its own reader or holds other tensors.
void use_model(const Checkpoint& model, const std::shared_ptr<const Source>& source,
               const Format& format);

}  // namespace recast::fuzz

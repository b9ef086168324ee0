#pragma once

#include <vector>

#include "arch/canonical.h"
#include "formats/format.h"

// Types of the tensors of a target that holds plain floats.
namespace recast {

// `precision` for every float, else the type that is there; packed tensors are decoded to
// `precision` or f32, which loses nothing.
std::vector<const Codec*> float_types(const std::vector<Tensor>& tensors, const Codec* precision,
                                      const Format& target);

// The float type that a GGUF names as its file type; null when it names a packed one or none.
const Codec* stated_float(const Checkpoint& source);

// GGUF holds vectors in f32 whatever the type of the model. Gives each tensor that is f32 there
// `type` where every value survives: where the GGUF's own form of the narrowed values has the bytes
// of the source. Reads those small tensors.
Canonical narrow_exact(Canonical canonical, const Checkpoint& source, const Codec& type);

}  // namespace recast

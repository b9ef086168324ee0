#pragma once

#include "convert/request.h"

namespace recast {

// The format that a source of fake weights is read as, by its config alone: what --from names, else
// the first that keeps a config. Throws unknown_format, fake_needs_config.
const Format& config_format(const std::string& from);

// Reads a source without opening any of its weights and gives it fake ones. The config of the result
// has what --model-config lays over it, which is gone from the request, and what the shapes of
// --fake-weight-config change; request.notes tell of these. Throws unknown_architecture,
// fake_shape_bad, and what add_fake_weights throws.
Checkpoint read_fake_source(Request& request);

}  // namespace recast

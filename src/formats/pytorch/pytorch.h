#pragma once

#include "formats/format.h"

namespace recast::formats {

// Files of torch.save: state dicts and what trainers put around them. Read only.
extern const Format pytorch;

}  // namespace recast::formats

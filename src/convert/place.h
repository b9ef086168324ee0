#pragma once

#include "convert/plan.h"

namespace recast {

// Where the output goes: fills in folder, name and the name the writer is told. Requires the
// target to be assembled. Throws bad_value, no_output_name, folder_not_ours and output_unreadable.
void place(Plan& plan);

}  // namespace recast

#pragma once

namespace recast {

// Whose file it is: what cannot be read of an input is another failure than what cannot be read
// back of an output (exit 3 and 7).
enum class Side { input, output };

}  // namespace recast

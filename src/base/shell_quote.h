#pragma once

#include <string>
#include <string_view>

namespace recast {

// `text` as one word of a POSIX shell, quoted only when it needs to be.
std::string shell_quoted(std::string_view text);

}  // namespace recast

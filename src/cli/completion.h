#pragma once

#include <string>
#include <string_view>

namespace recast::cli {

// A completion script made from the tables. Requires: `shell` is bash, zsh or fish.
std::string completion_script(std::string_view shell);

}  // namespace recast::cli

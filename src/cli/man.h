#pragma once

#include <string>

#include "cli/commands.h"

namespace recast::cli {

// Manual pages in roff, section 1: of the program and of one command.
std::string man_page();
std::string man_page(const Command& command);

}  // namespace recast::cli

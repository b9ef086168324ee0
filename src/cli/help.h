#pragma once

#include <string>

#include "cli/commands.h"

namespace recast::cli {

// -h: usage, one sentence, three examples, ten options; at most 24 lines of 80 columns.
std::string brief_help(const Command& command);
std::string brief_help();
// --help: every option in groups, with the formats and a pointer to `list pairs`; 80 columns.
std::string full_help(const Command& command);
std::string full_help();

// "-j, --threads N" or "    --memory SIZE".
std::string option_usage(const OptionRow& row, bool aliases = false);

}  // namespace recast::cli

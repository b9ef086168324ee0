#pragma once

#include <string>

#include "cli/terminal.h"
#include "wire/json.h"

namespace recast::cli {

// The trade of size against error that -Q auto found ("choice" of docs/schemas/report.json): a line
// a size, with a bar on a log scale and the best recipe that is no larger; the size that was taken
// is marked. Tab-separated where the stream is no terminal. Empty for a report without a choice.
std::string choice_text(const json::Value& report, const Terminal& terminal);

}  // namespace recast::cli

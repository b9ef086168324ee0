#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace recast::cli {

// Runs one command line (without the program's name) and returns its exit code. Catches everything:
// an Error is shown and mapped by its kind, a lack of memory is `resource`, any other exception is
// `internal` with a text for a report.
int run(const std::vector<std::string>& arguments, const Streams& streams);

// The streams of this process. Failing to write standard output throws text_unwritable, or
// OutputClosed when the reader has gone.
Streams process_streams();

}  // namespace recast::cli

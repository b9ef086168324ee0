#pragma once

#include "cli/session.h"
#include "recast/convert.h"

namespace recast::cli {

// The options of `convert` that were given, by flag or environment; operands are for the command.
// Throws conflicting_options, bad_value.
ConvertOptions options_given(const Parsed& parsed);

// Names the output by an operand. Throws conflicting_options when --output names one, too.
void take_output(ConvertOptions& options, const Parsed& parsed, const std::string& operand);

// Plans, shows the plan, converts, reports. Returns the exit code.
int run_conversion(Session& session, const ConvertOptions& options);

}  // namespace recast::cli

#pragma once

#include <string>

#include "cli/terminal.h"
#include "wire/json.h"

namespace recast::cli {

// The report or, with `planned`, the plan of a conversion (docs/schemas/report.json) as labelled
// lines. `details` adds stage times and all kept and mapped metadata.
std::string report_text(const json::Value& report, bool planned, bool details,
                        const Terminal& terminal);

// "Qwen3-8B  bf16 -> gguf Q4_K_M", the title of the progress block.
std::string report_title(const json::Value& report);

// Bytes of all outputs.
uint64_t output_bytes(const json::Value& report);

}  // namespace recast::cli

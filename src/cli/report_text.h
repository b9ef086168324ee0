#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/terminal.h"
#include "wire/json.h"

namespace recast::cli {

// The report or, with `planned`, the plan of a conversion (docs/schemas/report.json) as labelled
// lines. `details` adds stage times, all kept and mapped metadata and the map of errors.
std::string report_text(const json::Value& report, bool planned, bool details,
                        const Terminal& terminal);

// The same without the lists of metadata and notes: label and text, which may be empty.
using Term = std::pair<std::string, std::string>;
std::vector<Term> report_terms(const json::Value& report);

// "Qwen3-8B  bf16 -> gguf Q4_K_M", the title of the progress block.
std::string report_title(const json::Value& report);

// Bytes of all outputs.
uint64_t output_bytes(const json::Value& report);

}  // namespace recast::cli

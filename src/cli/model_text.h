#pragma once

#include <string>

#include "cli/terminal.h"
#include "wire/json.h"

// Parts that the documents of `inspect` and `validate` share, as text.
namespace recast::cli {

// One "KEY  VALUE" line each; on a terminal a value is cut to the line unless `full`.
std::string metadata_text(const json::Value& document, std::string_view key, bool full,
                          const Terminal& terminal);

// name, type, shape, bytes, offset, and with statistics minimum, maximum, mean, deviation.
std::string tensor_table(const json::Value& document, const Terminal& terminal);

}  // namespace recast::cli

#pragma once

#include <string>
#include <vector>

#include "wire/json.h"

namespace recast::cli {

// Whether a document is a report of a conversion, or one of inspect --errors.
bool is_conversion(const json::Value& document);
bool is_errors(const json::Value& document);

// One page of documents of both sorts: several begin with a table that compares them and a chart of
// size against error, then each has a part of its own. Command lines and hashes are at the end.
std::string report_page(const std::vector<json::Value>& documents);

}  // namespace recast::cli

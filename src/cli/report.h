#pragma once

#include <string>

#include "wire/json.h"

namespace recast::cli {

// Writes a document to the file of --report: .json as it is, .html as a page, else `text`. An empty
// path is no file. Throws as write_text_file().
void store_report(const std::string& path, const json::Value& document, const std::string& text);

}  // namespace recast::cli

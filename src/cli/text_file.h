#pragma once

#include <string>
#include <string_view>

namespace recast::cli {

// Writes a small text file (report, plan) under a temporary name in the same folder and renames it,
// so that the name never holds half a text. Throws text_unwritable, naming `option`.
void write_text_file(const std::string& path, std::string_view text, std::string_view option);

}  // namespace recast::cli

#pragma once

#include <string>
#include <string_view>

namespace recast::cli {

// What failed to write a text, by errno: no_space, file_size_limit, else text_unwritable.
[[noreturn]] void fail_text(std::string_view where, std::string_view path, int error);

// Writes a small text file (report, plan) under a temporary name in the same folder and renames it,
// so that the name never holds half a text. Throws as fail_text, naming `option`.
void write_text_file(const std::string& path, std::string_view text, std::string_view option);

}  // namespace recast::cli

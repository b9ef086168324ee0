#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recast::cli {

// What failed to write a text, by errno: no_space, file_size_limit, else text_unwritable.
[[noreturn]] void fail_text(std::string_view where, std::string_view path, int error);

// Writes all of a text to an open stream or file. 0, or the errno of what failed.
int write_all(int fd, std::string_view text);

// Writes a small text file (report, plan) under a temporary name in the same folder and renames it,
// so that the name never holds half a text. A device, a pipe and what lies in /dev or /proc is
// written into instead. Throws as fail_text, naming `option`.
void write_text_file(const std::string& path, std::string_view text, std::string_view option);

// Refuses, before any work, a text that would take the place of something else: a file among `taken`
// (output_is_input), an existing file that holds no text of ours, unless `force` (output_exists), a
// folder that is missing or cannot be written (as fail_text). An empty path is no text.
void check_text_target(const std::string& path, std::string_view option, bool force,
                       std::span<const std::string> taken);

// A path and, where it is a folder, what lies in it: files that a text must not replace.
std::vector<std::string> files_at(const std::string& path);

}  // namespace recast::cli

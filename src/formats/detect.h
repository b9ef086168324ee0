#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/format.h"

namespace recast {

struct Detection {
  const Format* format;
  std::string evidence;           // what told it, in a few words
  std::vector<Finding> warnings;  // extension_contradicts
};

// Tells the format of a source from its content; the extension decides only where the content says
// nothing, and the reader then has the last word. `from` is what the user named, empty for nothing.
// Throws empty_file, lfs_pointer, html_page; format_not_read for a known format without a reader;
// wrong_format when `from` contradicts the content, unknown_format when no format has that name;
// unknown_content and unknown_folder.
Detection detect(const Source& source, std::string_view from);

}  // namespace recast

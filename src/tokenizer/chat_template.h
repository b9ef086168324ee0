#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/file.h"
#include "tokenizer/vocabulary.h"
#include "wire/json.h"

namespace recast {

// Opens a file of the model's folder by name; null when there is none.
using FindFile = std::function<std::shared_ptr<const File>(std::string_view)>;

// "additional_chat_templates/NAME.jinja" holds the template NAME.
inline constexpr std::string_view template_folder = "additional_chat_templates";
bool is_template_file(std::string_view path);
std::string template_name(std::string_view path);  // Requires: is_template_file().

// Fills chat_template and named_templates, as text and unchanged, from the first of:
// chat_template.jinja and `template_files` (paths of is_template_file()), chat_template of
// tokenizer_config.json (a text, or a list of name and template), chat_template.json. Appends the
// files read to `files_used`.
void read_chat_templates(const FindFile& find, std::span<const std::string> template_files,
                         const json::Value* tokenizer_config, Vocabulary& vocabulary,
                         std::vector<std::string>& files_used, std::vector<Finding>& warnings);

// The whole file as text. Throws too_long (resource) beyond the limit.
std::string read_text(const File& file, Limit most);

}  // namespace recast

#include "tokenizer/chat_template.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace recast {

namespace {

constexpr std::string_view template_ending = ".jinja";

class Templates {
 public:
  Templates(Vocabulary& out, std::vector<std::string>& files, std::vector<Finding>& warnings)
      : out_(out), files_(files), warnings_(warnings) {}

  bool read_files(const FindFile& find, std::span<const std::string> further) {
    bool any = false;
    if (const auto file = find("chat_template.jinja")) {
      out_.chat_template = read_text(*file, Limit::template_bytes);
      files_.emplace_back("chat_template.jinja");
      any = true;
    }
    for (const std::string& path : further) {
      const auto file = is_template_file(path) ? find(path) : nullptr;
      if (!file) continue;
      out_.named_templates.emplace_back(template_name(path), read_text(*file, Limit::template_bytes));
      files_.push_back(path);
      any = true;
    }
    return any;
  }

  // A text, or a list of {name, template}.
  bool read_value(const json::Value* value, const std::string& file) {
    if (!value || value->is_null()) return false;
    if (const std::string* text = value->as_string()) {
      out_.chat_template = *text;
      return true;
    }
    if (!value->is_array()) {
      warn(file, std::string(value->type_name()));
      return false;
    }
    for (const json::Value& entry : *value->as_array()) {
      const json::Value *name = entry.find("name"), *text = entry.find("template");
      if (name && name->as_string() && text && text->as_string())
        add(*name->as_string(), *text->as_string());
      else
        warn(file, "an entry without name or template");
    }
    return true;
  }

 private:
  void add(const std::string& name, const std::string& text) {
    if (name == "default")
      out_.chat_template = text;
    else
      out_.named_templates.emplace_back(name, text);
  }
  void warn(const std::string& file, std::string found) {
    warnings_.emplace_back(codes::template_ignored,
                           ErrorFacts{.where = key_where("chat_template"),
                                      .expected = "a text or a list of name and template",
                                      .found = std::move(found),
                                      .file = file});
  }

  Vocabulary& out_;
  std::vector<std::string>& files_;
  std::vector<Finding>& warnings_;
};

}  // namespace

bool is_template_file(std::string_view path) {
  return path.starts_with(template_folder) && path.ends_with(template_ending) &&
         path.size() > template_folder.size() + 1 + template_ending.size();
}

std::string template_name(std::string_view path) {
  path.remove_prefix(template_folder.size() + 1);
  return std::string(path.substr(0, path.size() - template_ending.size()));
}

std::string read_text(const File& file, Limit most) {
  if (file.size() > limit(most))
    fail_limit(codes::too_long, most, {.file = file.name()}, file.size());
  std::string text(file.size(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void read_chat_templates(const FindFile& find, std::span<const std::string> template_files,
                         const json::Value* tokenizer_config, Vocabulary& vocabulary,
                         std::vector<std::string>& files_used, std::vector<Finding>& warnings) {
  Templates templates(vocabulary, files_used, warnings);
  if (templates.read_files(find, template_files)) return;
  if (tokenizer_config &&
      templates.read_value(tokenizer_config->find("chat_template"), "tokenizer_config.json"))
    return;
  const auto file = find("chat_template.json");
  if (!file) return;
  const json::Value root = json::parse_file(*file);
  if (templates.read_value(root.find("chat_template"), file->name()))
    files_used.emplace_back("chat_template.json");
}

}  // namespace recast

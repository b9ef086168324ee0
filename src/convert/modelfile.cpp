#include "convert/modelfile.h"

#include <fmt/format.h>

#include <algorithm>

#include "convert/folder_form.h"
#include "tokenizer/chat_family.h"
#include "wire/utf8.h"

namespace recast {

namespace {

constexpr uint64_t license_limit_bytes = uint64_t{1} << 20;

// Keys of a GGUF and the parameters of Ollama that mean the same.
struct ParameterRow {
  std::string_view key, parameter;
};
constexpr ParameterRow parameter_table[] = {
    {"general.sampling.temp", "temperature"},
    {"general.sampling.top_k", "top_k"},
    {"general.sampling.top_p", "top_p"},
    {"general.sampling.min_p", "min_p"},
    {"general.sampling.penalty_repeat", "repeat_penalty"},
    {"general.sampling.penalty_last_n", "repeat_last_n"},
};

// The shortest number that is this f32.
json::Value number_of(const MetaValue& value) {
  if (const auto n = value.as_int()) return *n;
  return json::Number{fmt::format("{}", static_cast<float>(*value.as_double()))};
}

std::string text_of(const Metadata& metadata, std::string_view key) {
  const MetaValue* value = metadata.find(key);
  const std::string* text = value ? value->as_string() : nullptr;
  return text ? *text : "";
}

bool is_license_file(std::string_view name) {
  std::string upper(name.substr(0, name.find('.')));
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return upper == "LICENSE" || upper == "LICENCE" || upper == "COPYING";
}

std::string license_file_text(const Checkpoint& source) {
  for (const SideFile& side : source.side_files) {
    if (!is_license_file(side.name) || side.size() == 0 || side.size() > license_limit_bytes)
      continue;
    if (!side.file) return side.bytes;
    std::string text(side.size(), '\0');
    side.file->read_at(0, std::as_writable_bytes(std::span(text)));
    return text;
  }
  return "";
}

// What the metadata name: an identifier, a name and a link, a line each.
std::string named_license(const Metadata& metadata) {
  std::string out;
  for (const std::string_view key : {"general.license", "general.license.name",
                                     "general.license.link"})
    if (const std::string text = text_of(metadata, key); !text.empty())
      out += (out.empty() ? "" : "\n") + text;
  return out;
}

void take_chat_template(const Plan& plan, OllamaSetup& setup, std::vector<Finding>& warnings) {
  const std::optional<Vocabulary>& vocabulary = plan.target.checkpoint.vocabulary;
  if (!vocabulary || !vocabulary->chat_template) return;
  if (const ChatFamily* family = find_chat_family(*vocabulary->chat_template)) {
    setup.chat_template = ollama_template(*family, *vocabulary);
    if (!setup.chat_template.empty()) {
      for (std::string& stop : chat_stops(*family, *vocabulary))
        setup.parameters.emplace_back("stop", std::move(stop));
      return;
    }
  }
  add_warning(warnings, Finding(codes::template_not_said,
                                {.where = key_where("tokenizer.chat_template"),
                                 .file = plan.request.options.source}));
}

bool is_droppable(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\t' && c != '\r') || byte == 0x7F;
}

// Whether the quote is not taken for closed at a line break inside. The parser looks at what it has
// there, without white space at its ends.
bool stays_open(std::string_view text, std::string_view quote) {
  for (size_t at = text.find_first_of("\r\n"); at != text.npos;
       at = text.find_first_of("\r\n", at + 1)) {
    const std::string_view line = text.substr(0, at);
    const size_t end = line.find_last_not_of(" \t\r\n\v\f");
    if (end != line.npos && line.substr(0, end + 1).ends_with(quote)) return false;
  }
  return true;
}

}  // namespace

OllamaSetup ollama_setup(const Plan& plan, std::vector<Finding>& warnings) {
  const Metadata& metadata = plan.target.checkpoint.metadata;
  OllamaSetup setup;
  take_chat_template(plan, setup, warnings);
  for (const ParameterRow& row : parameter_table)
    if (const MetaValue* value = metadata.find(row.key); value && value->as_double())
      setup.parameters.emplace_back(row.parameter, number_of(*value));
  if (const MetaValue* lock = metadata.find(use_mlock_key); lock && lock->as_bool().value_or(false))
    setup.parameters.emplace_back("use_mlock", true);
  setup.license = license_file_text(*plan.source);
  if (setup.license.empty()) setup.license = named_license(metadata);
  return setup;
}

std::string modelfile_argument(const std::string& text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+-";
  if (!text.empty() && text.find_first_not_of(plain) == text.npos) return text;
  if (find_invalid_utf8(text) || std::any_of(text.begin(), text.end(), is_droppable)) return "";
  const bool one_line = text.find_first_of("\r\n") == text.npos;
  // One quote before two others would be read as the opening of three.
  const bool takes_one = !text.starts_with("\"\"");
  if (one_line && takes_one) return fmt::format("\"{}\"", text);
  if (stays_open(text, "\"\"\"")) return fmt::format("\"\"\"{0}\"\"\"", text);
  if (takes_one && stays_open(text, "\"")) return fmt::format("\"{}\"", text);
  return "";
}

std::string modelfile_text(const std::string& model_file, const OllamaSetup& setup,
                           std::vector<Finding>& warnings) {
  const std::string from = modelfile_argument(fmt::format("./{}", model_file));
  if (from.empty())
    fail(codes::modelfile_name, {.where = "--modelfile", .found = printable(model_file)});
  std::string out = fmt::format("FROM {}\n", from);
  const auto add = [&](std::string_view command, const std::string& text) {
    if (text.empty()) return;
    const std::string argument = modelfile_argument(text);
    if (argument.empty())
      add_warning(warnings, Finding(codes::modelfile_text, {.where = std::string(command),
                                                            .found = printable(text)}));
    else
      out += fmt::format("{} {}\n", command, argument);
  };
  add("TEMPLATE", setup.chat_template);
  for (const auto& [name, value] : setup.parameters)
    add(fmt::format("PARAMETER {}", name),
        value.as_string() ? *value.as_string() : json::write(value));
  add("LICENSE", setup.license);
  return out;
}

void add_modelfile(Plan& plan) {
  if (!plan.request.options.modelfile) return;
  if (plan.request.to->convention != Convention::gguf)
    fail(codes::no_effect_refused,
         {.where = fmt::format("--modelfile with target {}", plan.request.to->name),
          .found = "a Modelfile names a GGUF file"});
  if (plan.form && plan.form->holds_setup) {
    plan.target.warnings.push_back(
        Finding(codes::option_no_effect,
                {.where = fmt::format("--modelfile with --layout {}", plan.form->name),
                 .found = "the folder itself says what a Modelfile would"}));
    return;
  }
  if (plan.layout.files.size() != 1)
    fail(codes::layout_cannot_hold,
         {.where = "--modelfile",
          .expected = "one GGUF file: Ollama reads no split ones",
          .found = fmt::format("{} files", plan.layout.files.size())});
  if (plan.layout.files.front().name == "Modelfile")
    fail(codes::modelfile_name, {.where = "--modelfile", .found = "the name of the Modelfile"});
  std::vector<Finding>& warnings = plan.target.warnings;
  std::string text =
      modelfile_text(plan.layout.files.front().name, ollama_setup(plan, warnings), warnings);
  const uint64_t bytes = text.size();
  plan.layout.pieces.push_back({plan.layout.files.size(), 0, std::move(text)});
  plan.layout.files.push_back({"Modelfile", bytes});
}

}  // namespace recast

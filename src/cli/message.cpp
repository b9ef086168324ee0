#include "cli/message.h"

#include <fmt/format.h>

#include "base/shell_quote.h"

namespace recast::cli {
namespace {

constexpr size_t lines_a_field = 2;  // four fields: a message has at most eight lines

std::string what(const Error& error, const MessageContext& context) {
  if (error.code->kind == ErrorKind::corrupt && context.command == "convert")
    return fmt::format("Conversion failed with format error: {}", error.code->meaning);
  if (error.code == &codes::out_of_memory && context.command != "convert") return "Out of memory";
  return std::string(error.code->meaning);
}

std::string where(const Error& error) {
  if (error.file.empty() || error.where.empty()) return error.file + error.where;
  return error.file + ", " + error.where;
}

std::string why(const Error& error) {
  std::string text;
  if (!error.expected.empty()) text = fmt::format("expected {}", error.expected);
  if (!error.found.empty()) text.append(text.empty() ? "found " : ", found ").append(error.found);
  return text;
}

std::string fix(const Error& error, const MessageContext& context) {
  if (!error.fix.empty()) return error.fix;
  const std::string usual(error.code->fix);
  if (error.code->kind != ErrorKind::corrupt || context.command != "convert") return usual;
  const std::string_view file = error.file.empty() ? context.source : error.file;
  const bool in_folder = !context.source.empty() && file.starts_with(context.source) &&
                         file.substr(context.source.size()).starts_with('/');
  const std::string command =
      fmt::format("recast validate {}", shell_quoted(in_folder ? context.source : file));
  constexpr std::string_view hint = "recast validate";
  const size_t at = usual.find(hint);
  if (at == std::string::npos) return fmt::format("{}; {}", command, usual);
  return std::string(usual).replace(at, hint.size(), command);
}

// Appends "LEAD text", continued under the text; cut with "..." after lines_a_field lines.
void add_field(std::string& out, std::string_view lead, int lead_width, const std::string& text,
               const Terminal& terminal) {
  if (text.empty()) return;
  const int room = terminal.is_terminal ? std::max(terminal.width - lead_width, 10) : 0;
  std::vector<std::string> lines = wrap(escape_controls(text), room);
  if (lines.size() > lines_a_field) {
    lines.resize(lines_a_field);
    lines.back() += " ...";
  }
  out.append(lead);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append(static_cast<size_t>(lead_width), ' ');
    out += lines[i] + "\n";
  }
}

std::string one_block(const Error& error, const Terminal& terminal, const MessageContext& context) {
  const bool warning = error.code->kind == ErrorKind::warning;
  const std::string_view word = warning ? "warning" : "error";
  const std::string head = fmt::format("{}[{}]: ", word, error.code->id);
  std::string out;
  add_field(out, paint(terminal, warning ? Ink::warning : Ink::error, head), display_width(head),
            what(error, context), terminal);
  const auto field = [&](std::string_view label, const std::string& text) {
    add_field(out, paint(terminal, Ink::dim, fmt::format("  {:<7}", label)), 9, text, terminal);
  };
  field("where", where(error));
  field("why", why(error));
  field("fix", fix(error, context));
  return out;
}

}  // namespace

std::string render_message(const Error& error, const Terminal& terminal,
                           const MessageContext& context) {
  std::string out = one_block(error, terminal, context);
  for (size_t i = 0; i < error.more.size() && i < 2; ++i)
    out += one_block(error.more[i], terminal, context);
  return out;
}

json::Value message_json(const Error& error, const MessageContext& context) {
  json::Object object;
  object.emplace_back("code", error.code->id);
  object.emplace_back("kind", kind_name(error.code->kind));
  object.emplace_back("exit", context.exit ? context.exit : exit_code(error.code->kind));
  object.emplace_back("what", what(error, context));
  object.emplace_back("file", error.file);
  object.emplace_back("where", error.where);
  object.emplace_back("expected", error.expected);
  object.emplace_back("found", error.found);
  object.emplace_back("fix", fix(error, context));
  if (!error.more.empty()) {
    json::Array more;
    for (const Error& next : error.more) more.push_back(message_json(next, context));
    object.emplace_back("more", std::move(more));
  }
  return object;
}

Error error_from_json(const json::Value& object) {
  const auto text = [&](std::string_view key) {
    const json::Value* member = object.find(key);
    const std::string* value = member ? member->as_string() : nullptr;
    return value ? *value : std::string();
  };
  const ErrorCode* code = find_error_code(text("code"));
  return Error(code ? *code : codes::bug, {.where = text("where"),
                                           .expected = text("expected"),
                                           .found = text("found"),
                                           .fix = text("fix"),
                                           .file = text("file")});
}

}  // namespace recast::cli

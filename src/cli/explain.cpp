#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/help.h"
#include "cli/session.h"
#include "cli/table.h"
#include "recast/formats.h"

namespace recast::cli {
namespace {

std::string folded(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

json::Value explain_code(const ErrorCode& code) {
  json::Object object;
  object.emplace_back("topic", "error");
  object.emplace_back("code", code.id);
  object.emplace_back("symbol", code.symbol);
  object.emplace_back("kind", kind_name(code.kind));
  object.emplace_back("exit", exit_code(code.kind));
  object.emplace_back("meaning", code.meaning);
  object.emplace_back("fix", code.fix);
  return object;
}

json::Value explain_option(const Command& command, const OptionRow& row) {
  json::Object object;
  object.emplace_back("topic", "option");
  object.emplace_back("command", command.name);
  object.emplace_back("usage", option_usage(row, true));
  object.emplace_back("meaning", row.help);
  object.emplace_back("default", row.default_text);
  if (!row.values.empty()) object.emplace_back("values", row.values);
  if (!environment_name(row).empty()) object.emplace_back("environment", environment_name(row));
  if (row.set) object.emplace_back("acts_on_bytes", row.acts_on_bytes);
  return object;
}

// Rows of a table of the library whose name or alias is `topic`.
void add_rows(json::Array& out, std::string_view kind, const json::Value& table,
              const std::string& topic) {
  for (const json::Value& row : *table.as_array()) {
    bool same = folded(text_at(row, {"name"})) == topic;
    for (const char* list : {"aliases", "classes"})
      for (const json::Value& other : array_at(row, {list}))
        same |= other.as_string() && folded(*other.as_string()) == topic;
    if (!same) continue;
    json::Object object;
    object.emplace_back("topic", kind);
    for (const auto& member : *row.as_object()) object.push_back(member);
    out.emplace_back(std::move(object));
  }
}

void add_options(json::Array& out, std::string_view topic) {
  while (topic.starts_with("-")) topic.remove_prefix(1);
  if (topic.starts_with("RECAST_")) topic.remove_prefix(7);
  const std::string name = folded(topic);
  for (const Command* command : commands()) {
    const OptionRow* row = find_option(*command, name);
    // What every command shares is explained once.
    const bool shared = row && row >= shared_options().data() &&
                        row < shared_options().data() + shared_options().size();
    if (row && (!shared || command == commands().front()))
      out.push_back(explain_option(*command, *row));
  }
}

json::Array explanations(const std::string& topic) {
  json::Array out;
  if (const ErrorCode* code = find_error_code(topic)) out.push_back(explain_code(*code));
  add_options(out, topic);
  add_rows(out, "format", list_formats(), folded(topic));
  add_rows(out, "type", list_types(), folded(topic));
  add_rows(out, "arch", list_archs(), folded(topic));
  add_rows(out, "limit", list_limits(), folded(topic));
  return out;
}

[[noreturn]] void unknown_topic(const std::string& topic) {
  std::vector<std::string> names;
  for (const ErrorCode* code : all_error_codes()) names.emplace_back(code->id);
  for (const OptionRow& row : convert_options()) names.emplace_back(row.name);
  for (const json::Value& table : {list_formats(), list_types(), list_archs(), list_limits()})
    for (const json::Value& row : *table.as_array()) names.push_back(text_at(row, {"name"}));
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view near = nearest(topic, views);
  fail(codes::unknown_topic,
       {.found = fmt::format("\"{}\"", printable(topic)),
        .fix = near.empty() ? "" : fmt::format("did you mean recast explain {}?", near)});
}

std::string explanation_text(const json::Value& explanation, const Terminal& terminal) {
  std::string out;
  for (const auto& [key, value] : *explanation.as_object()) {
    std::string text;
    if (const json::Array* array = value.as_array())
      for (const json::Value& element : *array)
        text.append(text.empty() ? "" : ", ").append(value_text(element));
    else
      text = value_text(value);
    if (!text.empty()) out += render_field(key, text, terminal);
  }
  return out;
}

int run_explain(Session& session) {
  const std::string& topic = session.args().operands[0];
  json::Array found = explanations(topic);
  if (found.empty()) unknown_topic(topic);
  if (session.json()) {
    session.print_document(std::move(found));
    return 0;
  }
  std::string out;
  for (const json::Value& explanation : found)
    out.append(out.empty() ? "" : "\n").append(explanation_text(explanation, session.out()));
  session.print(out);
  return 0;
}

}  // namespace

const Command explain_command = {
    .name = "explain",
    .aliases = "",
    .purpose = "Explain an error code, an option, a format, a type, an architecture or a limit",
    .operands = "TOPIC",
    .least = 1,
    .most = 1,
    .examples = {{{"explain EI004", "an error code"},
                  {"explain shard-size", "an option"},
                  {"explain Q8_0", "a type"}}},
    .frequent = "json",
    .options = {},
    .text = "",
    .run = run_explain};

}  // namespace recast::cli

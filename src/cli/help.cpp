#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/terminal.h"
#include "recast/formats.h"

namespace recast::cli {
namespace {

constexpr int width = 80;
constexpr size_t most_frequent = 10;

// "  LEFT   text", continued under the text; a left side that is too long gets a line of its own.
std::string two_columns(std::string_view left, std::string_view text, int column) {
  std::string out = fmt::format("  {}", left);
  const int used = display_width(out);
  const std::string indent(static_cast<size_t>(column), ' ');
  if (used + 2 <= column)
    out.append(static_cast<size_t>(column - used), ' ');
  else
    out.append("\n").append(indent);
  const auto lines = wrap(text, width - column);
  for (size_t i = 0; i < lines.size(); ++i) out += fmt::format("{}{}\n", i ? indent : "", lines[i]);
  return out;
}

std::string example_lines(const Command& command) {
  std::string out = "Examples:\n";
  for (const Example& example : command.examples) {
    const std::string line = fmt::format("recast {}", example.line);
    // One line each: the remark goes where it does not fit.
    const bool fits = 2 + std::max<size_t>(line.size(), 44) + 2 + example.says.size() <= width;
    out += fits ? fmt::format("  {:<44}  {}\n", line, example.says) : fmt::format("  {}\n", line);
  }
  return out;
}

std::string usage_line(const Command& command) {
  return fmt::format("Usage: recast {} [OPTIONS]{}{}\n", command.name,
                     command.operands.empty() ? "" : " ", command.operands);
}

std::string option_text(const OptionRow& row) {
  std::string text(row.help);
  if (!row.values.empty()) text += fmt::format(": {}", row.values);
  const bool plain_switch = row.value.empty() && row.default_text == "off";
  if (!plain_switch) text += fmt::format(" [{}]", row.default_text);
  return text;
}

std::vector<const OptionRow*> frequent_options(const Command& command) {
  std::vector<const OptionRow*> out;
  for (std::string_view name : words(command.frequent)) out.push_back(find_option(command, name));
  for (const OptionRow* row : all_options(command)) {
    if (out.size() >= most_frequent) break;
    if (!std::count(out.begin(), out.end(), row)) out.push_back(row);
  }
  return out;
}

std::string grouped_options(const std::vector<const OptionRow*>& rows) {
  std::vector<std::string_view> groups;
  for (const OptionRow* row : rows)
    if (!std::count(groups.begin(), groups.end(), row->group)) groups.push_back(row->group);
  std::string out;
  for (std::string_view group : groups) {
    out += fmt::format("\n{}:\n", group);
    for (const OptionRow* row : rows)
      if (row->group == group) out += two_columns(option_usage(*row, true), option_text(*row), 32);
  }
  return out;
}

// "read: gguf, npz" and "write: ..." from the table of formats.
std::string format_lines() {
  std::string read, write;
  const json::Value formats = list_formats();
  for (const json::Value& row : *formats.as_array()) {
    const std::string& name = *row.find("name")->as_string();
    const auto can = [&](const char* key) {
      const json::Value* value = row.find(key);
      return value && value->as_bool().value_or(false);
    };
    if (can("read")) read.append(read.empty() ? "" : ", ").append(name);
    if (can("write")) write.append(write.empty() ? "" : ", ").append(name);
  }
  return fmt::format("\nFormats:\n{}{}  recast list pairs shows what converts to what\n",
                     two_columns("read", read, 10), two_columns("write", write, 10));
}

std::string command_lines() {
  std::string out = "Commands:\n";
  for (const Command* command : commands()) {
    std::string name(command->name);
    for (std::string_view alias : words(command->aliases)) name += fmt::format(", {}", alias);
    out += two_columns(name, command->purpose, 28);
  }
  return out;
}

constexpr std::string_view program_head =
    "Convert machine-learning models between formats, quantize and prove them.\n\n"
    "Usage: recast COMMAND [OPTIONS] [ARGUMENTS]\n\n";

}  // namespace

std::string option_usage(const OptionRow& row, bool aliases) {
  std::string out = row.short_name ? fmt::format("-{}, --{}", row.short_name, row.name)
                                   : fmt::format("    --{}", row.name);
  if (aliases)
    for (std::string_view alias : words(row.aliases)) out += fmt::format(", --{}", alias);
  if (value_is_optional(row)) return out + fmt::format("[={}", row.value.substr(1));
  return row.value.empty() ? out : fmt::format("{} {}", out, row.value);
}

std::string brief_help(const Command& command) {
  std::string out = fmt::format("{}.\n\n{}\n{}\nOptions:\n", command.purpose, usage_line(command),
                                example_lines(command));
  for (const OptionRow* row : frequent_options(command)) {
    std::string line = fmt::format("  {:<28}  {}", option_usage(*row), row->help);
    out += line + "\n";
  }
  return out + fmt::format("\nMore: recast {0} --help, recast man {0}\n", command.name);
}

std::string brief_help() {
  return std::string(program_head) + command_lines() +
         "\nMore: recast --help, recast COMMAND -h, recast man\n";
}

std::string full_help(const Command& command) {
  std::string out = fmt::format("{}.\n\n{}", command.purpose, usage_line(command));
  const auto aliases = words(command.aliases);
  if (!aliases.empty()) out += fmt::format("Also: {}\n", fmt::join(aliases, ", "));
  if (!command.text.empty()) {
    out += "\n";
    for (const std::string& line : wrap(command.text, width)) out += line + "\n";
  }
  out.append("\n").append(example_lines(command));
  out += grouped_options(all_options(command));
  if (&command == &convert_command) out += format_lines();
  return out + "\nEach option also has a name in the environment: --json is RECAST_JSON.\n";
}

std::string full_help() {
  std::vector<const OptionRow*> rows;
  for (const OptionRow& row : shared_options()) rows.push_back(&row);
  return std::string(program_head) + command_lines() + grouped_options(rows) + format_lines() +
         "\nEach option also has a name in the environment: --json is RECAST_JSON.\n";
}

}  // namespace recast::cli

#include "cli/commands.h"

#include <algorithm>

namespace recast::cli {
namespace {

constexpr const Command* table[] = {
    &convert_command, &quantize_command,   &inspect_command, &validate_command, &reproduce_command,
    &report_command,  &card_command,       &list_command,    &explain_command,  &doctor_command,
    &completion_command, &man_command, &version_command};

constexpr std::string_view group = "Shared";

constexpr OptionRow shared[] = {
    {"quiet", 'q', "", "", "off", group, "errors and result only; twice: errors only", "", true},
    {"verbose", 'v', "", "", "off", group, "more details, plain progress lines", "", false},
    {"debug", 0, "", "", "off", group, "timings and internals", "", false},
    {"json", 0, "", "", "off", group, "one JSON document on standard output", "", false},
    {"json-errors", 0, "", "", "off", group, "errors and warnings as JSON objects", "", false},
    {"progress", 0, "", "MODE", "auto", group, "how progress is shown", "auto bar plain json none",
     false},
    {"color", 0, "colour", "MODE", "auto", group, "when to use colour", "auto always never", false},
    {"strict", 0, "", "", "off", group, "warnings make the command fail (exit 8)", "", false},
    {"log", 0, "", "FILE", "none", group, "append JSON lines of all events", "", false},
    {"yes", 'y', "", "", "off", group, "answer every question with yes", "", false},
    {"no-input", 0, "", "", "off", group, "never ask", "", false},
    {"help", 'h', "", "", "off", group, "all options; -h: the short help", "", false},
    {"version", 0, "", "", "off", group, "version of the program", "", false},
};

}  // namespace

std::span<const Command* const> commands() { return table; }

const Command* find_command(std::string_view name) {
  for (const Command* command : table) {
    const auto aliases = words(command->aliases);
    if (command->name == name || std::count(aliases.begin(), aliases.end(), name)) return command;
  }
  return nullptr;
}

std::span<const OptionRow> shared_options() { return shared; }

std::vector<const OptionRow*> all_options(const Command& command) {
  std::vector<const OptionRow*> out;
  for (const OptionRow& row : command.options) out.push_back(&row);
  const size_t own = out.size();
  for (const OptionRow& row : shared) {
    const bool hidden = std::any_of(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(own),
                                    [&](const OptionRow* o) { return o->name == row.name; });
    if (!hidden) out.push_back(&row);
  }
  return out;
}

const OptionRow* find_option(const Command& command, std::string_view name) {
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  for (const OptionRow* row : all_options(command)) {
    const auto aliases = words(row->aliases);
    if (row->name == dashed || std::count(aliases.begin(), aliases.end(), dashed)) return row;
  }
  return nullptr;
}

std::string environment_name(const OptionRow& row) {
  if (row.name == "help" || row.name == "version") return "";
  std::string out = "RECAST_";
  for (char c : row.name)
    out += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(' ', start), text.size());
    if (end > start) out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

bool takes_value(const OptionRow& row) { return !row.value.empty() && row.value[0] != '['; }
bool value_is_optional(const OptionRow& row) { return !row.value.empty() && row.value[0] == '['; }

}  // namespace recast::cli

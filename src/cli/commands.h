#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convert/options.h"

namespace recast::cli {

class Session;
struct Parsed;

struct Example {
  std::string_view line;  // without "recast "
  std::string_view says;
};

// One command: the single source of help, man page and completions. Options are rows of the same
// type as those of `convert`; `set` is null where a command reads them by name.
struct Command {
  std::string_view name;
  std::string_view aliases;   // blank separated
  std::string_view purpose;   // one sentence without full stop
  std::string_view operands;  // "SOURCE [-o DEST]"
  int least = 0, most = 0;    // how many operands
  std::array<Example, 3> examples;
  std::string_view frequent;  // at most ten option names for -h, blank separated
  std::span<const OptionRow> options;
  std::string_view text;  // further paragraphs of --help and the man page; may be empty
  int (*run)(Session&);   // exit code
};

extern const Command convert_command, quantize_command, inspect_command, validate_command,
    reproduce_command, report_command, card_command, list_command, explain_command,
    doctor_command, completion_command, man_command, version_command;

// --limit of the commands that read models; `convert` has its own row, of the same name.
inline constexpr OptionRow limit_option = {
    "limit", 0, "", "NAME=N", "recast list limits", "Limits",
    "what a file may claim; may be repeated", "", true};
// Sets each --limit that was given. Throws bad_value, naming --limit or its variable.
void apply_limits(const Parsed& parsed);

// In the order of `recast --help`.
std::span<const Command* const> commands();
// By name or alias; null when there is none.
const Command* find_command(std::string_view name);
// Options that every command takes.
std::span<const OptionRow> shared_options();
// Own and shared ones; an own option hides a shared one of the same name.
std::vector<const OptionRow*> all_options(const Command& command);
// By name or alias, '_' for '-'; null when the command has none.
const OptionRow* find_option(const Command& command, std::string_view name);

// RECAST_THREADS of "threads"; empty for help and version, which have none.
std::string environment_name(const OptionRow& row);
// The words of a blank-separated column of a table.
std::vector<std::string_view> words(std::string_view blank_separated);
// Options with a value in brackets take it only as --name=value.
bool takes_value(const OptionRow& row);
bool value_is_optional(const OptionRow& row);

}  // namespace recast::cli

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace recast::cli {

// An option that was given, by flag or environment. `value` is empty for a switch.
struct Given {
  const OptionRow* row = nullptr;
  std::string value;
  bool from_environment = false;

  std::string spelling() const;  // "--threads" or "RECAST_THREADS"
};

enum class HelpWish { none, brief, full };

// A command line as plain values. What the environment gives comes first and only where no flag
// says otherwise; flags follow in their order. A switch that is turned off (--force=false) is gone.
struct Parsed {
  const Command* command = nullptr;  // null: none was named
  std::vector<std::string> operands;
  std::vector<Given> given;
  std::vector<const OptionRow*> denied;  // switches that a flag turned off
  HelpWish help = HelpWish::none;
  bool version = false;

  bool has(std::string_view name) const { return count(name) > 0; }
  int count(std::string_view name) const;
  std::string value(std::string_view name) const;  // of the last one; empty when not given
};

// `arguments` without the program's name. Throws bad_command and bad_option with the nearest name,
// missing_argument, extra_argument, option_twice, bad_value. The number of operands is not checked
// when help or version is wished.
Parsed parse(std::span<const std::string> arguments, const Environment& environment);

// Whether `text` spells a switch on or off; throws bad_value, naming `where`.
bool switch_value(std::string_view text, std::string_view where);

}  // namespace recast::cli

#include "cli/man.h"

#include <fmt/format.h>

#include "cli/help.h"
#include "cli/session.h"

namespace recast::cli {
namespace {

// Text as roff: '-' must be a minus to be pasted, a leading '.' or ''' would be a request.
std::string roff(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string head(std::string_view page, std::string_view purpose) {
  return fmt::format(".TH {} 1 \"\" \"recast {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n",
                     roff(page), RECAST_VERSION, roff(page), roff(purpose));
}

std::string option_paragraph(const OptionRow& row) {
  std::string_view usage_view;
  const std::string usage = option_usage(row, true);
  usage_view = usage;
  usage_view.remove_prefix(std::min(usage_view.find_first_not_of(' '), usage_view.size()));
  std::string out = fmt::format(".TP\n.B {}\n{}.", roff(usage_view), roff(row.help));
  if (!row.values.empty()) out += fmt::format(" One of: {}.", roff(row.values));
  out += fmt::format(" Default: {}.", roff(row.default_text));
  if (row.repeats) out += " May be repeated.";
  const std::string name = environment_name(row);
  if (!name.empty()) out += fmt::format(" Environment: {}.", name);
  return out + "\n";
}

std::string options_section(const std::vector<const OptionRow*>& rows) {
  std::string out = ".SH OPTIONS\n";
  std::string_view group;
  for (const OptionRow* row : rows) {
    if (row->group != group) out += fmt::format(".SS {}\n", roff(row->group));
    group = row->group;
    out += option_paragraph(*row);
  }
  return out;
}

// Source: spec section 18.
constexpr std::string_view exit_section =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\ndone and checked\n"
    ".TP\n.B 1\nran correctly, the answer is no\n"
    ".TP\n.B 2\nusage error\n"
    ".TP\n.B 3\ninput missing or unreadable\n"
    ".TP\n.B 4\ninput corrupt or unsafe\n"
    ".TP\n.B 5\nnot supported\n"
    ".TP\n.B 6\nmemory, disk or another limit does not suffice\n"
    ".TP\n.B 7\noutput exists or cannot be written\n"
    ".TP\n.B 8\nfinished with warnings under \\-\\-strict\n"
    ".TP\n.B 70\ninternal error\n"
    ".TP\n.B 75\nstopped on purpose, run again to continue\n"
    ".TP\n.B 130, 143\nstopped by SIGINT or SIGTERM\n";

int run_man(Session& session) {
  const Parsed& args = session.args();
  if (args.operands.empty()) {
    session.print(man_page());
    return 0;
  }
  const Command* command = find_command(args.operands[0]);
  if (!command)
    fail(codes::bad_command, {.found = fmt::format("\"{}\"", printable(args.operands[0]))});
  session.print(man_page(*command));
  return 0;
}

}  // namespace

std::string man_page(const Command& command) {
  std::string out = head(fmt::format("recast-{}", command.name), command.purpose);
  out += fmt::format(".SH SYNOPSIS\n.B recast {}\n[OPTIONS] {}\n", roff(command.name),
                     roff(command.operands));
  out += fmt::format(".SH DESCRIPTION\n{}.\n", roff(command.purpose));
  if (!command.text.empty()) out += fmt::format(".PP\n{}\n", roff(command.text));
  const auto aliases = words(command.aliases);
  if (!aliases.empty())
    out += fmt::format(".PP\nAlso: {}.\n", roff(fmt::format("{}", fmt::join(aliases, ", "))));
  out += options_section(all_options(command)) + ".SH EXAMPLES\n";
  for (const Example& example : command.examples)
    out += fmt::format(".TP\n.B recast {}\n{}\n", roff(example.line), roff(example.says));
  return out + std::string(exit_section) + ".SH SEE ALSO\n.BR recast (1)\n";
}

std::string man_page() {
  std::string out = head("recast", "convert, quantize and prove machine-learning models");
  out += ".SH SYNOPSIS\n.B recast\nCOMMAND [OPTIONS] [ARGUMENTS]\n.SH COMMANDS\n";
  for (const Command* command : commands()) {
    out += fmt::format(".TP\n.B {}", roff(command->name));
    for (std::string_view alias : words(command->aliases)) out += fmt::format(", {}", roff(alias));
    out += fmt::format("\n{}.\n", roff(command->purpose));
  }
  std::vector<const OptionRow*> rows;
  for (const OptionRow& row : shared_options()) rows.push_back(&row);
  out += options_section(rows) + std::string(exit_section) + ".SH SEE ALSO\n";
  for (const Command* command : commands())
    out += fmt::format(".BR {} (1)\n", roff(fmt::format("recast-{}", command->name)));
  return out;
}

const Command man_command = {.name = "man",
                             .aliases = "",
                             .purpose = "Print a manual page in roff",
                             .operands = "[COMMAND]",
                             .least = 0,
                             .most = 1,
                             .examples = {{{"man | man -l -", "read the page of the program"},
                                           {"man convert | man -l -", "read that of a command"},
                                           {"man convert > recast-convert.1", "to install it"}}},
                             .frequent = "",
                             .options = {},
                             .text = "",
                             .run = run_man};

}  // namespace recast::cli

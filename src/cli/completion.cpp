#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/session.h"

namespace recast::cli {
namespace {

constexpr std::string_view shells[] = {"bash", "zsh", "fish"};

bool is_path(const OptionRow& row) {
  return row.value == "PATH" || row.value == "FILE" || row.value == "DIR";
}

std::vector<std::string_view> names_of(const Command& command) {
  std::vector<std::string_view> out = words(command.aliases);
  out.insert(out.begin(), command.name);
  return out;
}

std::string every_name() {
  std::string out;
  for (const Command* command : commands())
    for (std::string_view name : names_of(*command)) out.append(name).append(" ");
  return out;
}

std::string case_pattern(const Command& command) {
  return fmt::format("{}", fmt::join(names_of(command), "|"));
}

std::vector<std::string> flags(const OptionRow& row) {
  std::vector<std::string> out{fmt::format("--{}", row.name)};
  for (std::string_view alias : words(row.aliases)) out.push_back(fmt::format("--{}", alias));
  if (row.short_name) out.push_back(fmt::format("-{}", row.short_name));
  return out;
}

std::string bash_values(const Command& command) {
  std::string out;
  for (const OptionRow* row : all_options(command)) {
    if (!takes_value(*row)) continue;
    const std::string pattern = fmt::format("{}", fmt::join(flags(*row), "|"));
    if (!row->values.empty())
      out += fmt::format("        {}) COMPREPLY=($(compgen -W \"{}\" -- \"$current\")); return;;\n",
                         pattern, row->values);
    else if (is_path(*row))
      out +=
          fmt::format("        {}) COMPREPLY=($(compgen -f -- \"$current\")); return;;\n", pattern);
    else
      out += fmt::format("        {}) return;;\n", pattern);
  }
  return out;
}

std::string bash_script() {
  std::string out =
      "# bash completion of recast\n"
      "_recast() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local command=\"${COMP_WORDS[1]}\" options=\"\"\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n";
  out += fmt::format("    COMPREPLY=($(compgen -W \"{}--help --version\" -- \"$current\"))\n",
                     every_name());
  out += "    return\n  fi\n  case \"$command\" in\n";
  for (const Command* command : commands()) {
    std::string names;
    for (const OptionRow* row : all_options(*command))
      for (const std::string& flag : flags(*row)) names += (names.empty() ? "" : " ") + flag;
    out += fmt::format("    {})\n      options=\"{}\"\n", case_pattern(*command), names);
    const std::string values = bash_values(*command);
    if (!values.empty()) out += fmt::format("      case \"$previous\" in\n{}      esac\n", values);
    out += "      ;;\n";
  }
  return out +
         "  esac\n"
         "  case \"$current\" in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\"));;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$current\"));;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _recast recast\n";
}

// Inside single quotes and the brackets of _arguments.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\'')
      out += "'\\''";
    else if (c == '[' || c == ']' || c == ':')
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out;
}

std::string zsh_option(const OptionRow& row) {
  std::string out;
  for (const std::string& flag : flags(row)) {
    std::string tail;
    if (!row.values.empty())
      tail = fmt::format(":{}:({})", zsh_text(row.value), row.values);
    else if (is_path(row))
      tail = fmt::format(":{}:_files", zsh_text(row.value));
    else if (takes_value(row))
      tail = fmt::format(":{}: ", zsh_text(row.value));
    out += fmt::format("        '{}{}[{}]{}' \\\n", row.repeats ? "*" : "", flag,
                       zsh_text(row.help), tail);
  }
  return out;
}

std::string zsh_script() {
  std::string out =
      "#compdef recast\n"
      "_recast() {\n"
      "  if (( CURRENT == 2 )); then\n"
      "    local -a names\n"
      "    names=(\n";
  for (const Command* command : commands()) {
    out += fmt::format("      '{}:{}'\n", command->name, zsh_text(command->purpose));
    for (std::string_view alias : words(command->aliases))
      out += fmt::format("      '{}:{}'\n", alias, zsh_text(command->purpose));
  }
  out +=
      "    )\n"
      "    _describe command names\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words; (( CURRENT-- ))\n"
      "  case $command in\n";
  for (const Command* command : commands()) {
    out += fmt::format("    {})\n      _arguments -s \\\n", case_pattern(*command));
    for (const OptionRow* row : all_options(*command)) out += zsh_option(*row);
    out += "        '*:file:_files'\n      ;;\n";
  }
  return out + "  esac\n}\n_recast \"$@\"\n";
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "'";
}

std::string fish_script() {
  std::string out = "# fish completion of recast\n";
  for (const Command* command : commands())
    for (std::string_view name : names_of(*command))
      out += fmt::format("complete -c recast -n __fish_use_subcommand -a {} -d {}\n", name,
                         fish_quoted(command->purpose));
  for (const Command* command : commands()) {
    const std::string names = fmt::format("{}", fmt::join(names_of(*command), " "));
    for (const OptionRow* row : all_options(*command)) {
      out += fmt::format("complete -c recast -n '__fish_seen_subcommand_from {}'", names);
      out += fmt::format(" -l {}", row->name);
      for (std::string_view alias : words(row->aliases)) out += fmt::format(" -l {}", alias);
      if (row->short_name) out += fmt::format(" -s {}", row->short_name);
      if (takes_value(*row)) out += is_path(*row) ? " -r -F" : " -x";
      if (!row->values.empty()) out += fmt::format(" -a {}", fish_quoted(row->values));
      out += fmt::format(" -d {}\n", fish_quoted(row->help));
    }
  }
  return out;
}

int run_completion(Session& session) {
  const std::string& shell = session.args().operands[0];
  if (!std::count(std::begin(shells), std::end(shells), shell))
    fail(codes::bad_value, {.where = "SHELL",
                            .expected = "one of: bash zsh fish",
                            .found = fmt::format("\"{}\"", printable(shell))});
  session.print(completion_script(shell));
  return 0;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  return shell == "bash" ? bash_script() : shell == "zsh" ? zsh_script() : fish_script();
}

const Command completion_command = {
    .name = "completion",
    .aliases = "",
    .purpose = "Print a completion script for a shell",
    .operands = "SHELL",
    .least = 1,
    .most = 1,
    .examples = {{{"completion bash", "for ~/.bash_completion"},
                  {"completion zsh", "for a file _recast in $fpath"},
                  {"completion fish", "for completions/recast.fish"}}},
    .frequent = "",
    .options = {},
    .text = "SHELL is one of: bash zsh fish.",
    .run = run_completion};

}  // namespace recast::cli

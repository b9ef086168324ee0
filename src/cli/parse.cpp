#include "cli/parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <map>

// The only place that knows CLI11: argv becomes the plain values of parse.h. The command is found
// first, then one flat parser is built from its table, so that flags may stand anywhere.
namespace recast::cli {
namespace {

bool is_flag(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

// Whether the flag takes the next word as its value, in any command's table.
bool takes_next_word(std::string_view flag) {
  if (flag.find('=') != std::string_view::npos) return false;
  for (const Command* command : commands()) {
    if (flag.starts_with("--")) {
      const OptionRow* row = find_option(*command, flag.substr(2));
      if (row && takes_value(*row)) return true;
      continue;
    }
    for (const OptionRow& row : command->options)
      if (row.short_name == flag[1] && takes_value(row)) return flag.size() == 2;
  }
  return false;
}

// Index of the command's word: the first one that is neither a flag nor the value of one.
size_t command_position(std::span<const std::string> arguments) {
  size_t i = 0;
  while (i < arguments.size() && is_flag(arguments[i])) {
    if (arguments[i] == "--") return i + 1;
    i += takes_next_word(arguments[i]) ? 2 : 1;
  }
  return i;
}

const Command* command_named(const std::string& word) {
  if (const Command* command = find_command(word)) return command;
  std::vector<std::string_view> names;
  for (const Command* command : commands()) {
    names.push_back(command->name);
    for (std::string_view alias : words(command->aliases)) names.push_back(alias);
  }
  const std::string_view near = nearest(word, names);
  fail(codes::bad_command,
       {.found = fmt::format("\"{}\"", printable(word)),
        .fix = near.empty() ? "" : fmt::format("did you mean recast {}?", near)});
}

[[noreturn]] void unknown_option(const Command* command, const std::string& word) {
  const std::string spelled = word.substr(0, word.find('='));
  std::vector<std::string_view> names;
  const auto add = [&](const OptionRow& row) {
    names.push_back(row.name);
    for (std::string_view alias : words(row.aliases)) names.push_back(alias);
  };
  for (const OptionRow& row : shared_options()) add(row);
  if (command)
    for (const OptionRow& row : command->options) add(row);
  const bool is_long = spelled.starts_with("--");
  const std::string_view near = is_long ? nearest(spelled.substr(2), names) : "";
  const std::string_view called = command ? command->name : std::string_view("COMMAND");
  fail(codes::bad_option,
       {.found = printable(spelled),
        .fix = near.empty() ? fmt::format("recast {} --help lists the options", called)
                            : fmt::format("did you mean --{}?", near)});
}

struct Declared {
  CLI::Option* option;
  const OptionRow* row;  // null for the short help
};

std::string flag_names(const OptionRow& row) {
  std::string names = fmt::format("--{}", row.name);
  for (std::string_view alias : words(row.aliases)) names += fmt::format(",--{}", alias);
  // -h and --help differ, so the short one is declared by itself.
  if (row.short_name && row.name != "help") names += fmt::format(",-{}", row.short_name);
  return names;
}

class Parser {
 public:
  explicit Parser(const Command* command) : command_(command) {
    app_.set_help_flag("");
    app_.allow_extras();
    if (command) {
      for (const OptionRow* row : all_options(*command)) declare(*row);
    } else {
      for (const OptionRow& row : shared_options()) declare(row);
    }
    declared_.push_back({app_.add_flag("-h"), nullptr});
    operands_ = app_.add_option("ARGUMENT", operand_values_)->allow_extra_args(true);
  }

  Parsed run(std::vector<std::string> arguments) {
    // CLI11 takes its words from the back.
    std::reverse(arguments.begin(), arguments.end());
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      const std::string text = error.what();
      fail(codes::missing_argument,
           {.where = text.substr(0, text.find(':')), .expected = "a value after it"});
    }
    std::vector<std::string> unknown = app_.remaining();
    std::erase(unknown, "--");  // CLI11 leaves the mark there, what follows it is an operand
    if (!unknown.empty()) unknown_option(command_, unknown.front());
    return collect();
  }

 private:
  void declare(const OptionRow& row) {
    CLI::Option* option = nullptr;
    if (takes_value(row)) {
      storage_.emplace_back();
      option = app_.add_option(flag_names(row), storage_.back())->allow_extra_args(false);
    } else {
      option = app_.add_flag(flag_names(row));
    }
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    declared_.push_back({option, &row});
  }

  Parsed collect() {
    Parsed out;
    out.command = command_;
    out.operands = operands_->results();
    std::map<const CLI::Option*, size_t> used;
    for (const CLI::Option* option : app_.parse_order()) {
      const auto declared = std::find_if(declared_.begin(), declared_.end(),
                                         [&](const Declared& d) { return d.option == option; });
      if (declared == declared_.end()) continue;  // an operand
      const std::string& value = option->results().at(used[option]++);
      add(out, declared->row, value);
    }
    return out;
  }

  void add(Parsed& out, const OptionRow* row, const std::string& value) {
    const bool full = row && row->name == "help";
    if (!row || full) {
      out.help = full || out.help == HelpWish::full ? HelpWish::full : HelpWish::brief;
      return;
    }
    if (takes_value(*row)) {
      if (!row->repeats && out.has(row->name))
        fail(codes::option_twice, {.where = fmt::format("--{}", row->name)});
      out.given.push_back({row, value, false});
    } else if (value_is_optional(*row)) {
      out.given.push_back({row, value == "true" ? "" : value, false});
    } else if (switch_value(value, fmt::format("--{}", row->name))) {
      out.given.push_back({row, "", false});
      out.version |= row->name == "version";
    } else {
      std::erase_if(out.given, [&](const Given& g) { return g.row == row; });
      out.denied.push_back(row);
    }
  }

  const Command* command_;
  CLI::App app_;
  std::vector<Declared> declared_;
  std::deque<std::vector<std::string>> storage_;
  std::vector<std::string> operand_values_;
  CLI::Option* operands_;
};

// "--output=" would take the next word as its value.
void refuse_empty_values(std::span<const std::string> arguments) {
  for (const std::string& word : arguments) {
    if (word == "--") return;
    if (word.starts_with("--") && word.size() > 3 && word.find('=') == word.size() - 1)
      fail(codes::missing_argument,
           {.where = word.substr(0, word.size() - 1), .expected = "a value after the ="});
  }
}

void add_given(std::vector<Given>& out, const OptionRow& row, const std::string& text) {
  if (takes_value(row)) {
    // Several values of a repeatable option stand on lines of their own.
    for (size_t start = 0; start <= text.size();) {
      const size_t end = row.repeats ? std::min(text.find('\n', start), text.size()) : text.size();
      if (end > start) out.push_back({&row, text.substr(start, end - start), true});
      start = end + 1;
    }
    return;
  }
  const bool digit = text.size() == 1 && text[0] >= '0' && text[0] <= '9';
  if (row.repeats && digit) {
    for (char i = '0'; i < text[0]; ++i) out.push_back({&row, "", true});
  } else if (value_is_optional(row) && text.size() > 1 && text[0] >= '0' && text[0] <= '9') {
    out.push_back({&row, text, true});
  } else if (switch_value(text, environment_name(row))) {
    out.push_back({&row, "", true});
  }
}

void add_environment(Parsed& parsed, const Environment& environment) {
  std::vector<Given> from;
  const auto consider = [&](const OptionRow& row) {
    const std::string name = environment_name(row);
    const char* text = name.empty() ? nullptr : environment(name.c_str());
    const bool denied = std::count(parsed.denied.begin(), parsed.denied.end(), &row) > 0;
    if (text && *text && !denied && !parsed.has(row.name)) add_given(from, row, text);
  };
  if (parsed.command) {
    for (const OptionRow* row : all_options(*parsed.command)) consider(*row);
  } else {
    for (const OptionRow& row : shared_options()) consider(row);
  }
  parsed.given.insert(parsed.given.begin(), from.begin(), from.end());
}

void check_operands(const Parsed& parsed) {
  const Command& command = *parsed.command;
  const auto count = static_cast<int>(parsed.operands.size());
  const std::string usage = fmt::format("recast {} {}", command.name, command.operands);
  if (count < command.least)
    fail(codes::missing_argument, {.expected = usage, .found = count == 0 ? "none" : fmt::format("{}", count)});
  if (count > command.most)
    fail(codes::extra_argument,
         {.expected = usage,
          .found = fmt::format("\"{}\"",
                               printable(parsed.operands[static_cast<size_t>(command.most)]))});
}

}  // namespace

int Parsed::count(std::string_view name) const {
  return static_cast<int>(std::count_if(given.begin(), given.end(),
                                        [&](const Given& g) { return g.row->name == name; }));
}

std::string Given::spelling() const {
  return from_environment ? environment_name(*row) : fmt::format("--{}", row->name);
}

void apply_limits(const Parsed& parsed) {
  for (const Given& given : parsed.given) {
    if (given.row->name != limit_option.name) continue;
    try {
      set_limit_option(given.value);
    } catch (Error& error) {
      error.where = given.spelling();
      throw;
    }
  }
}

std::string Parsed::value(std::string_view name) const {
  std::string out;
  for (const Given& g : given)
    if (g.row->name == name) out = g.value;
  return out;
}

bool switch_value(std::string_view text, std::string_view where) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (std::string_view on : {"1", "true", "yes", "on"})
    if (low == on) return true;
  for (std::string_view off : {"0", "false", "no", "off"})
    if (low == off) return false;
  fail(codes::bad_value, {.where = std::string(where),
                          .expected = "on or off (1, 0, true, false, yes, no)",
                          .found = fmt::format("\"{}\"", printable(text))});
}

Parsed parse(std::span<const std::string> arguments, const Environment& environment) {
  refuse_empty_values(arguments);
  const size_t at = command_position(arguments);
  std::vector<std::string> rest(arguments.begin(), arguments.end());
  const Command* command = nullptr;
  if (at < rest.size()) {
    command = command_named(rest[at]);
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
  }
  Parsed parsed = Parser(command).run(std::move(rest));
  const bool checked = command && parsed.help == HelpWish::none && !parsed.version;
  if (parsed.help == HelpWish::none && !parsed.version) add_environment(parsed, environment);
  if (checked) check_operands(parsed);
  return parsed;
}

}  // namespace recast::cli

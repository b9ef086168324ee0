#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/message.h"
#include "cli/parse.h"
#include "cli/progress_stream.h"
#include "cli/terminal.h"
#include "cli/warnings.h"
#include "wire/json.h"

namespace recast::cli {

// Thrown by Streams::out when nobody reads standard output any more: nothing is said about it.
struct OutputClosed {};

// Where a run reads its surroundings from and writes to. Tests put strings here.
struct Streams {
  std::function<void(std::string_view)> out, err;
  std::function<Terminal(ColorMode)> out_terminal, err_terminal;
  Environment environment;
};

// "recast ..." as a shell would take it.
std::string command_line(const std::vector<std::string>& arguments);

// One run of one command: what was asked, where text goes, what was warned about.
class Session {
 public:
  Session(Parsed parsed, const Streams& streams, std::vector<std::string> arguments);
  ~Session();
  Session(const Session&) = delete;

  const Parsed& args() const { return parsed_; }
  const std::vector<std::string>& arguments() const { return arguments_; }  // as typed
  std::string command_line() const { return cli::command_line(arguments_); }
  const Environment& environment() const { return streams_.environment; }
  const Terminal& out() const { return out_; }
  const Terminal& err() const { return err_; }
  WarningLog& warnings() { return warnings_; }

  bool json() const { return parsed_.has("json"); }
  bool json_errors() const { return json() || parsed_.has("json-errors"); }
  int quiet() const { return parsed_.count("quiet"); }
  bool verbose() const { return parsed_.has("verbose") || debug(); }
  bool debug() const { return parsed_.has("debug"); }
  bool strict() const { return parsed_.has("strict"); }

  // The result, on standard output. Throws text_unwritable; a closed pipe is no failure.
  void print(std::string_view text);
  // The JSON document of the command, with the collected warnings under "warnings" when it has none
  // of its own.
  void print_document(json::Value document);
  // For people, on standard error; nothing with -q or where progress goes out as events.
  void say(std::string_view text);
  // Errors and warnings as --json-errors or the terminal wants them.
  void show(const Error& error, int exit = 0);
  void show_warnings();
  // The error as the last thing of a run, with what was warned about before it. Where progress goes
  // out as events it is the last event and nothing else.
  void show_failure(const Error& error, int exit);
  // What every command returns in the end: 8 when --strict meets warnings, else `code`.
  int finish(int code) const;

  ProgressStream& progress();  // made on first use
  void set_memory_limit(uint64_t bytes) { memory_limit_ = bytes; }

 private:
  ProgressMode progress_mode() const;

  const Parsed parsed_;
  const Streams& streams_;
  const std::vector<std::string> arguments_;
  Terminal out_, err_;
  WarningLog warnings_;
  uint64_t memory_limit_ = 0;
  int log_ = -1;  // descriptor of --log
  std::unique_ptr<ProgressStream> progress_;
};

// The choice of --progress and --color; throws bad_value with the allowed ones.
ColorMode color_mode(const Parsed& parsed);

}  // namespace recast::cli

#include "cli/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/shell_quote.h"

namespace recast::cli {
namespace {

// The position of the option's value among its choices, R-027 spelling.
size_t choice_of(const Parsed& parsed, std::string_view name) {
  const std::string value = parsed.value(name);
  if (value.empty()) return 0;
  const OptionRow* row = nullptr;
  for (const OptionRow& shared : shared_options())
    if (shared.name == name) row = &shared;
  const auto choices = words(row->values);
  for (size_t i = 0; i < choices.size(); ++i)
    if (strcasecmp(value.c_str(), std::string(choices[i]).c_str()) == 0) return i;
  fail(codes::bad_value, {.where = fmt::format("--{}", name),
                          .expected = fmt::format("one of: {}", row->values),
                          .found = fmt::format("\"{}\"", printable(value))});
}

double heartbeat_seconds(const Environment& environment) {
  const char* text = environment("RECAST_PROGRESS_INTERVAL");
  if (!text || !*text) return 30;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (*end || !(seconds >= 0 && seconds < 1e6))
    fail(codes::bad_value, {.where = "RECAST_PROGRESS_INTERVAL",
                            .expected = "seconds, 0 for none",
                            .found = fmt::format("\"{}\"", printable(text))});
  return seconds;
}

int open_log(const std::string& path) {
  if (path.empty()) return -1;
  // O_NONBLOCK: a FIFO that nobody reads must not hang the run. The first bytes tell a log of ours
  // from another file, which lines would spoil.
  const int flags = O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  struct stat st;
  const bool regular = stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
  const int fd = open(path.c_str(), flags | (regular ? O_RDWR : O_WRONLY), 0666);
  if (fd < 0)
    fail(codes::text_unwritable,
         {.where = "--log", .found = std::strerror(errno), .file = printable(path)});
  char start[5] = "";
  const ssize_t n = regular ? pread(fd, start, 4, 0) : 0;
  if (n == 0 || (n == 4 && std::strcmp(start, "{\"v\"") == 0)) return fd;
  close(fd);
  fail(codes::output_exists, {.where = "--log",
                              .expected = "no file, or a log of an earlier run",
                              .fix = "name another file",
                              .file = printable(path)});
}

}  // namespace

ColorMode color_mode(const Parsed& parsed) {
  return static_cast<ColorMode>(choice_of(parsed, "color"));
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::string out = "recast";
  for (const std::string& word : arguments) out.append(" ").append(shell_quoted(word));
  return out;
}

Session::Session(Parsed parsed, const Streams& streams, std::vector<std::string> arguments)
    : parsed_(std::move(parsed)),
      streams_(streams),
      arguments_(std::move(arguments)),
      out_(streams.out_terminal(color_mode(parsed_))),
      err_(streams.err_terminal(color_mode(parsed_))) {
  choice_of(parsed_, "progress");
  log_ = open_log(parsed_.value("log"));
}

Session::~Session() {
  progress_.reset();
  if (log_ >= 0) close(log_);
}

void Session::print(std::string_view text) {
  if (progress_) progress_->finish();
  try {
    streams_.out(text);
  } catch (const OutputClosed&) {
    // Nobody reads on; the exit code still says how the run went.
  }
}

void Session::print_document(json::Value document) {
  const json::Value* own = document.find("warnings");
  const json::Array* listed = own ? own->as_array() : nullptr;
  if (document.is_object() && (!listed || listed->empty()))
    document.set("warnings", warnings_.documents());
  print(json::write(document, 2) + "\n");
}

void Session::say(std::string_view text) {
  if (quiet() > 0 || progress_mode() == ProgressMode::json) return;
  progress_ ? progress_->say(text) : streams_.err(text);
}

void Session::show(const Error& error, int exit) {
  if (progress_ && error.code->kind != ErrorKind::warning) progress_->finish();
  const std::string source = parsed_.operands.empty() ? "" : parsed_.operands[0];
  const MessageContext context{parsed_.command ? parsed_.command->name : "", source, exit};
  streams_.err(json_errors() ? json::write(message_json(error, context)) + "\n"
                             : render_message(error, err_, context));
}

void Session::show_warnings() {
  // With --json they are in the document, in json mode they were events.
  if (quiet() > 0 || json() || progress_mode() == ProgressMode::json) return;
  for (const Finding& warning : warnings_.grouped()) show(warning);
}

void Session::show_failure(const Error& error, int exit) {
  show_warnings();
  if (progress_) progress_->event("error", {{"error", message_json(error, {.exit = exit})}});
  if (progress_ && progress_mode() == ProgressMode::json) return;
  show(error, exit);
}

int Session::finish(int code) const {
  return code == 0 && strict() && !warnings_.empty() ? 8 : code;
}

ProgressMode Session::progress_mode() const {
  const size_t choice = choice_of(parsed_, "progress");
  if (choice > 0) return static_cast<ProgressMode>(choice - 1);
  if (quiet() > 0 || json_errors()) return ProgressMode::none;
  return err_.is_terminal && !verbose() ? ProgressMode::bar : ProgressMode::plain;
}

ProgressStream& Session::progress() {
  if (!progress_) {
    ProgressSeams seams = process_seams();
    seams.write = streams_.err;
    seams.columns = [this] { return streams_.err_terminal(color_mode(parsed_)).width; };
    if (log_ >= 0)
      seams.log = [this](std::string_view line) {
        // A full disk must not end the conversion; the log then lacks a line.
        [[maybe_unused]] const ssize_t written = write(log_, line.data(), line.size());
      };
    progress_ = std::make_unique<ProgressStream>(
        ProgressStream::Settings{.mode = progress_mode(),
                                 .terminal = err_,
                                 .heartbeat_s = heartbeat_seconds(streams_.environment),
                                 .memory_limit = memory_limit_},
        std::move(seams), warnings_);
  }
  return *progress_;
}

}  // namespace recast::cli

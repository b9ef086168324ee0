#include "cli/run.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#include "cli/help.h"
#include "cli/signals.h"
#include "cli/text_file.h"
#include "cli/units.h"

namespace recast::cli {
namespace {

Error internal_error(const char* text, const std::vector<std::string>& arguments) {
  utsname system{};
  uname(&system);
  return Error(codes::bug, {.where = command_line(arguments),
                            .found = text,
                            .fix = fmt::format(
                                "please report this with the lines above; recast {}, "
                                "{} {} {}",
                                RECAST_VERSION, system.sysname, system.release, system.machine)});
}

// Before a command line is understood nobody knows whether JSON is wanted; the plain word decides.
bool says(const std::vector<std::string>& arguments, std::string_view flag) {
  return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
}

int show_early(const Error& error, const std::vector<std::string>& arguments,
               const Streams& streams) {
  const bool as_json = says(arguments, "--json") || says(arguments, "--json-errors");
  const Terminal terminal = streams.err_terminal(
      says(arguments, "--color=never") ? ColorMode::never : ColorMode::automatic);
  streams.err(as_json ? json::write(message_json(error)) + "\n" : render_message(error, terminal));
  return exit_code(error.code->kind);
}

int show_help(const Parsed& parsed, const Streams& streams) {
  const bool full = parsed.help == HelpWish::full;
  if (parsed.command)
    streams.out(full ? full_help(*parsed.command) : brief_help(*parsed.command));
  else
    streams.out(full ? full_help() : brief_help());
  return 0;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

int fail_session(Session& session, const Error& error) {
  // The answer to a signal is that signal's.
  const bool stopped = error.code->kind == ErrorKind::cancelled && Interrupts::exit_code() != 0;
  const int code = stopped ? Interrupts::exit_code() : exit_code(error.code->kind);
  session.show_failure(error, code);
  return code;
}

// `command` returns an exit code; whatever it throws becomes a message and a code.
template <typename Command>
int guarded(const std::vector<std::string>& arguments, Command command,
            const std::function<int(const Error&)>& show) {
  try {
    return command();
  } catch (const OutputClosed&) {
    return 0;
  } catch (const Error& error) {
    return show(error);
  } catch (const std::bad_alloc&) {
    return show(Error(codes::out_of_memory, {.found = "an allocation failed"}));
  } catch (const std::system_error& error) {
    const bool no_thread = error.code() == std::errc::resource_unavailable_try_again ||
                           error.code() == std::errc::not_enough_memory;
    return show(no_thread ? Error(codes::no_threads, {.found = error.what()})
                          : internal_error(error.what(), arguments));
  } catch (const std::exception& error) {
    return show(internal_error(error.what(), arguments));
  }
}

void say_internals(Session& session, double seconds) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const uint64_t resident = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  session.say(fmt::format("debug: {:.3f} s, {:.3f} s of processor time, resident {} at most\n",
                          seconds, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
                          bytes_text(resident)));
}

int run_session(Session& session, const std::vector<std::string>& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const int code = guarded(
      arguments, [&] { return session.finish(session.args().command->run(session)); },
      [&](const Error& error) { return fail_session(session, error); });
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  if (session.debug()) say_internals(session, time.count());
  return code;
}

void write_result(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == EPIPE) throw OutputClosed();
  if (error) fail_text("standard output", "", error);
}

}  // namespace

int run(const std::vector<std::string>& arguments, const Streams& streams) {
  const auto early = [&](const Error& error) { return show_early(error, arguments, streams); };
  return guarded(
      arguments,
      [&] {
        Parsed parsed = parse(arguments, streams.environment);
        if (parsed.help != HelpWish::none) return show_help(parsed, streams);
        if (parsed.version) parsed.command = &version_command;
        if (!parsed.command) {
          streams.err(brief_help());
          return exit_code(ErrorKind::invalid_argument);
        }
        Session session(std::move(parsed), streams, arguments);
        return run_session(session, arguments);
      },
      early);
}

Streams process_streams() {
  // A closed pipe is an error of write() here, never the end of a conversion half done.
  std::signal(SIGPIPE, SIG_IGN);
  const Environment environment = [](const char* name) -> const char* { return std::getenv(name); };
  return {.out = write_result,
          // An error of it: nobody is left to tell.
          .err = [](std::string_view text) { write_all(STDERR_FILENO, text); },
          .out_terminal =
              [environment](ColorMode mode) {
                return describe_terminal(STDOUT_FILENO, mode, environment);
              },
          .err_terminal =
              [environment](ColorMode mode) {
                return describe_terminal(STDERR_FILENO, mode, environment);
              },
          .environment = environment};
}

}  // namespace recast::cli

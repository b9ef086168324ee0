#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace recast::cli {
namespace {

std::string_view value_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value ? value : "";
}

bool utf8_locale(const Environment& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value(value_of(environment, name));
    if (value.empty()) continue;
    std::transform(value.begin(), value.end(), value.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return value.find("UTF-8") != std::string::npos || value.find("UTF8") != std::string::npos;
  }
  return false;
}

bool wants_color(bool is_tty, ColorMode mode, const Environment& environment) {
  if (mode != ColorMode::automatic) return mode == ColorMode::always;
  if (!value_of(environment, "NO_COLOR").empty()) return false;
  const std::string_view force = value_of(environment, "FORCE_COLOR");
  if (!force.empty()) return force != "0";
  return is_tty && value_of(environment, "TERM") != "dumb";
}

}  // namespace

Terminal describe_terminal(bool is_tty, int window_columns, ColorMode mode,
                           const Environment& environment) {
  Terminal terminal;
  terminal.is_terminal = is_tty;
  terminal.color = wants_color(is_tty, mode, environment);
  terminal.unicode = is_tty && utf8_locale(environment);
  const int columns = std::atoi(std::string(value_of(environment, "COLUMNS")).c_str());
  terminal.width = window_columns > 0 ? window_columns : columns > 0 ? columns : 80;
  terminal.width = std::max(terminal.width, 20);
  return terminal;
}

Terminal describe_terminal(int fd, ColorMode mode, const Environment& environment) {
  winsize size{};
  const bool is_tty = isatty(fd) == 1;
  const bool known = is_tty && ioctl(fd, TIOCGWINSZ, &size) == 0;
  return describe_terminal(is_tty, known ? size.ws_col : 0, mode, environment);
}

std::string paint(const Terminal& terminal, Ink ink, std::string_view text) {
  if (!terminal.color) return std::string(text);
  static constexpr std::string_view codes[] = {"1;31", "1;33", "32", "2"};
  std::string out = "\x1b[";
  out.append(codes[static_cast<size_t>(ink)]).append("m").append(text).append("\x1b[0m");
  return out;
}

int display_width(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string escape_controls(std::string_view text) {
  // printable() shortens names beyond 200 bytes; words of a sentence go through it one by one.
  std::string out;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(' ', start), text.size());
    if (start > 0) out += ' ';
    out += printable(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

std::vector<std::string> wrap(std::string_view text, int width) {
  if (width <= 0) return {std::string(text)};
  std::vector<std::string> lines(1);
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(' ', start), text.size());
    const std::string_view word = text.substr(start, end - start);
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (display_width(line) + 1 + display_width(word) <= width) {
      line.append(" ").append(word);
    } else {
      lines.emplace_back(word);
    }
    start = end + 1;
  }
  return lines;
}

}  // namespace recast::cli

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace recast::cli {

// Looks up an environment variable; null when it is not set. A seam for tests.
using Environment = std::function<const char*(const char*)>;

enum class ColorMode { automatic, always, never };

// What one output stream can show. Each stream is asked by itself.
struct Terminal {
  bool is_terminal = false;  // else: no wrapping, no truncation, tab-separated tables
  bool color = false;
  bool unicode = false;  // block characters may be drawn
  int width = 80;        // columns
};

// Facts about a file descriptor, the environment and --color to the answer above. Colour: never,
// always, else NO_COLOR (not empty) and TERM=dumb turn it off, FORCE_COLOR on. Width: of the
// window, else COLUMNS, else 80. `window_columns` is 0 when unknown.
Terminal describe_terminal(bool is_tty, int window_columns, ColorMode mode,
                           const Environment& environment);
// The same for descriptor `fd` of this process.
Terminal describe_terminal(int fd, ColorMode mode, const Environment& environment);

// Roles of colour; none carries meaning alone.
enum class Ink { error, warning, good, dim };
std::string paint(const Terminal& terminal, Ink ink, std::string_view text);

// Columns that `text` takes, counted in code points.
int display_width(std::string_view text);

// `text` with control bytes and broken UTF-8 escaped as \xNN, of any length.
std::string escape_controls(std::string_view text);

// Lines of at most `width` columns, broken at blanks; a longer word stays whole. Width 0: one line.
std::vector<std::string> wrap(std::string_view text, int width);

}  // namespace recast::cli

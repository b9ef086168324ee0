#include "cli/progress_render.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "cli/units.h"

namespace recast::cli {
namespace {

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

std::string bar(int percent, int cells, bool unicode) {
  const int full = percent * cells / 100;
  std::string out;
  for (int i = 0; i < cells; ++i)
    out += i < full ? (unicode ? "\u2588" : "#") : (unicode ? "\u2591" : "-");
  return out;
}

// The first `width` columns of `text`.
std::string clipped(const std::string& text, int width) {
  if (display_width(text) <= width) return text;
  size_t end = 0;
  for (int columns = 0; end < text.size(); ++end) {
    if ((text[end] & 0xC0) != 0x80 && ++columns > width) break;
  }
  return text.substr(0, end);
}

}  // namespace

std::vector<std::string> bar_lines(std::string_view title, const Snapshot& s, MemoryUse memory,
                                   const Terminal& terminal) {
  const int width = terminal.width - 1;  // the last column makes some terminals wrap
  std::string numbers = fmt::format(" {:3} %", s.percent);
  if (s.state.total)
    numbers += fmt::format("   {} / {}", bytes_text(s.state.done), bytes_text(s.state.total));
  if (s.rate > 0) numbers.append("   ").append(rate_text(s.rate));
  if (s.left_s) numbers += fmt::format("   {} left", clock_text(*s.left_s));
  if (memory.now) numbers.append("   mem ").append(bytes_text(memory.now));
  if (memory.now && memory.limit) numbers.append(" / ").append(bytes_text(memory.limit));
  const int cells = std::min(26, width - display_width(numbers) - 3);

  std::vector<std::string> lines;
  lines.push_back(clipped(fmt::format("{}  {}", stage_name(s.stage), title), width));
  if (cells >= 5)
    numbers = fmt::format(" [{}]{}", bar(s.percent, cells, terminal.unicode), numbers);
  lines.push_back(clipped(numbers, width));
  if (!s.item.empty()) lines.push_back(clipped(fmt::format(" {}", escape_controls(s.item)), width));
  return lines;
}

std::string plain_line(const Snapshot& s) {
  std::string line = fmt::format("{} {}% {}", stage_name(s.stage), s.percent,
                                 without_blanks(bytes_text(s.state.done)));
  if (s.rate > 0) line.append(" ").append(without_blanks(rate_text(s.rate)));
  if (s.left_s) line += fmt::format(" {} left", clock_text(*s.left_s));
  return line;
}

json::Object progress_members(const Snapshot& s, MemoryUse memory) {
  json::Object out;
  out.emplace_back("stage", stage_name(s.stage));
  out.emplace_back("done", s.state.done);
  out.emplace_back("total", s.state.total);
  out.emplace_back("unit", "B");
  out.emplace_back("rate", static_cast<uint64_t>(s.rate));
  if (s.left_s) out.emplace_back("eta_s", std::round(*s.left_s * 10) / 10);
  out.emplace_back("rss", memory.now);
  out.emplace_back("item", escape_controls(s.item));
  return out;
}

std::string utc_text(double wall_s, bool milliseconds) {
  const auto ms = static_cast<int64_t>(std::floor(wall_s * 1000));
  const time_t seconds = ms / 1000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  const std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return milliseconds ? fmt::format("{}.{:03}Z", text, ms % 1000) : text + "Z";
}

}  // namespace recast::cli

#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace recast::cli {
namespace {

constexpr int label_columns = 9;

std::string padded(const std::string& cell, int columns, bool right) {
  const std::string blanks(static_cast<size_t>(std::max(columns - display_width(cell), 0)), ' ');
  return right ? blanks + cell : cell + blanks;
}

std::string tab_separated(const std::vector<std::vector<std::string>>& rows) {
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      out.append(i ? "\t" : "").append(escape_controls(row[i]));
    out += "\n";
  }
  return out;
}

}  // namespace

std::string render_table(const std::vector<std::vector<std::string>>& rows,
                         const Terminal& terminal, const std::vector<size_t>& right) {
  if (!terminal.is_terminal) return tab_separated(rows);
  std::vector<int> columns;
  for (const auto& row : rows) {
    columns.resize(std::max(columns.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i)
      columns[i] = std::max(columns[i], display_width(escape_controls(row[i])));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const bool to_the_right = std::count(right.begin(), right.end(), i) > 0;
      line.append(i ? "  " : "");
      line += padded(escape_controls(row[i]), columns[i], to_the_right);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string render_field(std::string_view label, std::string_view text, const Terminal& terminal) {
  const std::string safe = escape_controls(text);
  if (!terminal.is_terminal) return fmt::format("{}\t{}\n", label, safe);
  const int lead = std::max(label_columns, display_width(label) + 1);
  std::string out = paint(terminal, Ink::dim, padded(std::string(label), lead, false));
  const auto lines = wrap(safe, std::max(terminal.width - lead, 20));
  for (size_t i = 0; i < lines.size(); ++i)
    out += fmt::format("{:{}}{}\n", "", i ? lead : 0, lines[i]);
  return out;
}

}  // namespace recast::cli

#include "cli/model_text.h"

#include <fmt/format.h>

#include "cli/document.h"
#include "cli/table.h"
#include "cli/units.h"

namespace recast::cli {
namespace {

std::string shape_text(const json::Value& tensor) {
  std::string out;
  for (const json::Value& size : array_at(tensor, {"shape"}))
    out.append(out.empty() ? "" : "x").append(json::write(size));
  return out.empty() ? "scalar" : out;
}

// People read sizes, programs read bytes.
std::string size_cell(uint64_t bytes, const Terminal& terminal) {
  return terminal.is_terminal ? bytes_text(bytes) : std::to_string(bytes);
}

}  // namespace

std::string metadata_text(const json::Value& document, std::string_view key, bool full,
                          const Terminal& terminal) {
  std::vector<std::vector<std::string>> rows;
  int keys = 0;
  for (const auto& [name, value] : object_at(document, {key})) {
    rows.push_back({name, value_text(value)});
    keys = std::max(keys, display_width(escape_controls(name)));
  }
  const int room = std::max(terminal.width - keys - 2, 20);
  if (terminal.is_terminal && !full)
    for (auto& row : rows) {
      row[1] = escape_controls(row[1]);
      if (display_width(row[1]) <= room) continue;
      size_t end = row[1].size();
      while (display_width(row[1].substr(0, end)) > room - 4) --end;
      while (end > 0 && (row[1][end] & 0xC0) == 0x80) --end;
      row[1] = row[1].substr(0, end) + " ...";
    }
  return render_table(rows, terminal);
}

std::string tensor_table(const json::Value& document, const Terminal& terminal) {
  std::vector<std::vector<std::string>> rows;
  const json::Array& tensors = array_at(document, {"tensors"});
  if (tensors.empty()) return "";
  if (terminal.is_terminal) rows.push_back({"tensor", "type", "shape", "size", "offset"});
  bool stats = false;
  for (const json::Value& tensor : tensors) {
    rows.push_back({text_at(tensor, {"name"}), text_at(tensor, {"type"}), shape_text(tensor),
                    size_cell(number_at(tensor, {"bytes"}), terminal),
                    at(tensor, {"offset"}) ? json::write(*at(tensor, {"offset"})) : ""});
    if (!at(tensor, {"stats"})) continue;
    stats = true;
    for (const char* key : {"min", "max", "mean", "deviation"})
      rows.back().push_back(fmt::format("{:.6g}", real_at(tensor, {"stats", key})));
  }
  if (stats && terminal.is_terminal)
    for (const char* heading : {"min", "max", "mean", "deviation"}) rows[0].push_back(heading);
  return render_table(rows, terminal, {3, 4, 5, 6, 7, 8});
}

}  // namespace recast::cli

#include "cli/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/document.h"
#include "cli/units.h"

namespace recast::cli {

const std::array<MapColor, map_levels> map_ramp = {{{17, "#00005f", true},
                                                    {54, "#5f0087", true},
                                                    {126, "#af0087", true},
                                                    {167, "#d75f5f", false},
                                                    {209, "#ff875f", false},
                                                    {221, "#ffd75f", false}}};

namespace {

struct Mean {
  double sum = 0, weights = 0;
  void add(double error, double by) {
    sum += error * by;
    weights += by;
  }
  double value() const { return weights > 0 ? sum / weights : 0; }
};

// The means of a row, by column; -1 is the column of tensors without a layer.
struct RoleMeans {
  std::string role;
  std::map<int, Mean> columns;

  bool is_exact() const {
    return std::all_of(columns.begin(), columns.end(),
                       [](const auto& column) { return column.second.sum == 0; });
  }
};

std::vector<RoleMeans> means_by_role(const std::vector<MapEntry>& entries, int per_column) {
  std::vector<RoleMeans> out;
  std::map<std::string_view, size_t> places;
  for (const MapEntry& entry : entries) {
    const auto [at, is_new] = places.emplace(entry.role, out.size());
    if (is_new) out.push_back({entry.role, {}});
    const int column = entry.layer < 0 ? -1 : entry.layer / per_column;
    out[at->second].columns[column].add(entry.error, std::max(entry.weights, 1.0));
  }
  return out;
}

void add_row(HeatMap& map, const RoleMeans& means, int columns) {
  if (means.is_exact()) return map.exact.push_back(means.role);
  HeatMap::Row row{means.role, std::vector<std::optional<double>>(static_cast<size_t>(columns))};
  bool in_layers = false;
  for (const auto& [column, mean] : means.columns) {
    const double error = mean.value();
    if (error > 0) {
      map.low = map.low > 0 ? std::min(map.low, error) : error;
      map.high = std::max(map.high, error);
    }
    if (column < 0) {
      map.singles.emplace_back(means.role, error);
    } else {
      row.cells[static_cast<size_t>(column)] = error;
      in_layers = true;
    }
  }
  if (in_layers) map.rows.push_back(std::move(row));
}

}  // namespace

HeatMap make_heat_map(const std::vector<MapEntry>& entries, int columns) {
  HeatMap map;
  for (const MapEntry& entry : entries) map.layers = std::max(map.layers, entry.layer + 1);
  columns = std::max(columns, 1);
  map.per_column = std::max(1, (map.layers + columns - 1) / columns);
  const int used = (map.layers + map.per_column - 1) / map.per_column;
  for (const RoleMeans& means : means_by_role(entries, map.per_column)) add_row(map, means, used);
  return map;
}

std::vector<MapEntry> map_entries(const json::Array& tensors) {
  std::vector<MapEntry> out;
  for (const json::Value& tensor : tensors) {
    const json::Value *error = at(tensor, {"relative_rmse"}), *layer = at(tensor, {"layer"});
    const auto number = error ? error->as_double() : std::nullopt;
    if (!number || !std::isfinite(*number)) continue;
    // A stored report may hold any number.
    const int64_t at_layer = layer ? layer->as_int().value_or(-1) : -1;
    out.push_back({.role = text_at(tensor, {"role"}),
                   .layer = static_cast<int>(std::clamp<int64_t>(at_layer, -1, 99'999)),
                   .error = std::max(*number, 0.0),
                   .weights = real_at(tensor, {"weights"})});
  }
  return out;
}

int map_level(const HeatMap& map, double error) {
  if (error <= 0) return 0;
  if (map.high <= map.low || error >= map.high) return map_levels - 1;
  const double share = std::log(error / map.low) / std::log(map.high / map.low);
  return std::clamp(static_cast<int>(share * map_levels), 0, map_levels - 1);
}

constexpr int label_most = 26;

std::string short_role(const std::string& role) {
  const std::string safe = escape_controls(role);
  if (display_width(safe) <= label_most) return safe;
  size_t keep = 0;  // bytes of the first columns
  for (int columns = 0; keep < safe.size() && columns < label_most - 3; ++columns)
    do ++keep;
    while (keep < safe.size() && (safe[keep] & 0xC0) == 0x80);
  return safe.substr(0, keep) + "...";
}

std::string percent_text(double fraction) { return fmt::format("{:.3g} %", 100 * fraction); }

namespace {

constexpr int label_least = 10;
constexpr size_t most_rows = 60;
constexpr std::string_view absent = "x";
constexpr std::array<std::string_view, map_levels> shades = {" ", "·", "░", "▒", "▓", "█"};
constexpr std::array<std::string_view, map_levels> letters = {" ", ".", ":", "-", "+", "#"};

// A level as its sign, and where colour is on, on its colour.
std::string sign(int level, const Terminal& terminal) {
  const std::string_view mark = (terminal.unicode ? shades : letters)[static_cast<size_t>(level)];
  if (!terminal.color) return std::string(mark);
  const MapColor& color = map_ramp[static_cast<size_t>(level)];
  return fmt::format("\x1b[48;5;{};38;5;{}m{}\x1b[0m", color.terminal, color.is_dark ? 231 : 16,
                     mark);
}

// A label and what stands beside it.
std::string line(const std::string& label, const std::string& text, int lead,
                 const Terminal& terminal) {
  if (!terminal.is_terminal) return fmt::format("{}\t{}\n", label, text);
  const int blanks = std::max(lead - display_width(label), 0);
  return fmt::format("{:{}}{} {}\n", "", blanks, label, text);
}

int label_columns(const std::vector<std::string>& roles) {
  int columns = label_least;
  for (const std::string& role : roles)
    columns = std::max(columns, display_width(short_role(role)));
  return std::min(columns, label_most);
}

int lead_of(const HeatMap& map) {
  std::vector<std::string> roles;
  for (const HeatMap::Row& row : map.rows) roles.push_back(row.role);
  for (const auto& [role, error] : map.singles) roles.push_back(role);
  return label_columns(roles);
}

std::string scale_text(const HeatMap& map, const Terminal& terminal) {
  std::string out = percent_text(map.low) + " [";
  for (int level = 0; level < map_levels; ++level) out += sign(level, terminal);
  return out + "] " + percent_text(map.high) + " relative RMSE, log scale";
}

// "layer 0 ... 31" over the first and the last column.
std::string axis_text(const HeatMap& map, size_t columns) {
  const std::string last = std::to_string(map.layers - 1);
  if (columns < last.size() + 2) return fmt::format("0-{}", last);
  return fmt::format("0{:>{}}", last, columns - 1);
}

bool has_gap(const HeatMap& map) {
  return std::any_of(map.rows.begin(), map.rows.end(), [](const HeatMap::Row& row) {
    return std::count(row.cells.begin(), row.cells.end(), std::nullopt) > 0;
  });
}

}  // namespace

int map_columns(const std::vector<MapEntry>& entries, const Terminal& terminal) {
  if (!terminal.is_terminal) return most_map_columns;
  std::vector<std::string> roles;
  for (const MapEntry& entry : entries) roles.push_back(entry.role);
  return std::clamp(terminal.width - label_columns(roles) - 1, 1, most_map_columns);
}

std::string heat_map_text(const HeatMap& map, const Terminal& terminal) {
  if (map.is_empty()) return "";
  const int lead = lead_of(map);
  std::string out;
  const auto add = [&](const std::string& label, const std::string& text) {
    out += line(label, text, lead, terminal);
  };
  if (map.high > 0) add("scale", scale_text(map, terminal));
  if (!map.rows.empty()) add("layer", axis_text(map, map.rows.front().cells.size()));
  for (size_t i = 0; i < std::min(map.rows.size(), most_rows); ++i) {
    std::string cells;
    for (const std::optional<double>& cell : map.rows[i].cells)
      cells += cell ? sign(map_level(map, *cell), terminal) : std::string(absent);
    add(short_role(map.rows[i].role), cells);
  }
  if (map.rows.size() > most_rows)
    add("", fmt::format("and {} roles more", map.rows.size() - most_rows));
  for (size_t i = 0; i < std::min(map.singles.size(), most_rows); ++i) {
    const auto& [role, error] = map.singles[i];
    add(short_role(role), sign(map_level(map, error), terminal) + " " + percent_text(error));
  }
  if (map.per_column > 1)
    add("columns", fmt::format("each is the mean of {} layers", map.per_column));
  if (has_gap(map)) add("x", "no such tensor in this layer");
  if (map.exact.empty()) return out;
  std::string exact;
  for (size_t i = 0; i < std::min<size_t>(map.exact.size(), 20); ++i)
    exact.append(i ? ", " : "").append(short_role(map.exact[i]));
  if (map.exact.size() > 20) exact += fmt::format(" and {} more", map.exact.size() - 20);
  if (!terminal.is_terminal) {
    add("no error", exact);
    return out;
  }
  const auto lines = wrap(exact, std::max(terminal.width - lead - 1, 20));
  for (size_t i = 0; i < lines.size(); ++i) add(i ? "" : "no error", lines[i]);
  return out;
}

}  // namespace recast::cli

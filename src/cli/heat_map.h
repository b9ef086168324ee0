#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"
#include "wire/json.h"

namespace recast::cli {

// One tensor of the picture; its error is a relative RMSE.
struct MapEntry {
  std::string role;
  int layer = -1;  // -1: of no layer
  double error = 0;
  double weights = 0;  // how much it counts where several share a place
};

// Errors by role and layer. Tensors that share a place (experts; layers of one column) are
// averaged, each by its weights.
struct HeatMap {
  struct Row {
    std::string role;
    std::vector<std::optional<double>> cells;  // empty: no such tensor
  };
  std::vector<Row> rows;                                // in the order in which the roles came
  std::vector<std::pair<std::string, double>> singles;  // of no layer
  std::vector<std::string> exact;                       // roles without any error: no row
  int layers = 0, per_column = 1;
  double low = 0, high = 0;  // bounds of the scale: least and largest error that is not 0

  bool is_empty() const { return rows.empty() && singles.empty() && exact.empty(); }
};

inline constexpr int most_map_columns = 80;
// At most `columns` columns: beyond, a column holds several layers.
HeatMap make_heat_map(const std::vector<MapEntry>& entries, int columns);
// Out of the rows of a document: role, layer, relative_rmse, weights. A row without a number is
// left out.
std::vector<MapEntry> map_entries(const json::Array& tensors);

// Six levels from `low` (0) to `high` (5), by the logarithm; 0 for no error at all.
inline constexpr int map_levels = 6;
int map_level(const HeatMap& map, double error);
// One colour a level: of the 256 of a terminal, and as #rrggbb. From dark to light in even steps of
// lightness, so that it reads without colour vision, too.
struct MapColor {
  int terminal;
  std::string_view hex;
  bool is_dark;
};
extern const std::array<MapColor, map_levels> map_ramp;

// A role in at most 26 columns, control bytes escaped.
std::string short_role(const std::string& role);

// "0.42 %".
std::string percent_text(double fraction);

// The picture as text. In a pipe it is ASCII, each row one record: role, tab, cells.
std::string heat_map_text(const HeatMap& map, const Terminal& terminal);
// How many columns of layers a line of this terminal has.
int map_columns(const std::vector<MapEntry>& entries, const Terminal& terminal);

}  // namespace recast::cli

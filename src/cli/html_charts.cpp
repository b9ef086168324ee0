#include "cli/html_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/html.h"

namespace recast::cli {
namespace {

// Pixels of the drawing; the page scales it.
constexpr int label_width = 170, row_height = 18, drawing_width = 760, head_height = 40;

std::string open_svg(int width, int height, std::string_view label) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" role=\"img\" "
                     "aria-label=\"{}\">\n",
                     width, height, width, height, html_text(label));
}

std::string text_at_place(double x, double y, std::string_view anchor, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     html_text(text));
}

std::string cell(double x, double y, double width, std::string_view fill, std::string_view tip) {
  const std::string kind = fill.empty() ? std::string("class=\"none\"")
                                        : fmt::format("class=\"cell\" fill=\"{}\"", fill);
  return fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" {}><title>{}</title>"
      "</rect>\n",
      x, y, width, row_height - 2, kind, html_text(tip));
}

std::string color_of(const HeatMap& map, double error) {
  return std::string(map_ramp[static_cast<size_t>(map_level(map, error))].hex);
}

std::string column_name(const HeatMap& map, size_t column) {
  const int first = static_cast<int>(column) * map.per_column;
  const int last = std::min(first + map.per_column, map.layers) - 1;
  return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

std::string scale_row(const HeatMap& map) {
  std::string out = text_at_place(label_width - 6, 13, "end", percent_text(map.low));
  for (int level = 0; level < map_levels; ++level)
    out += cell(label_width + 20.0 * level, 0, 20, map_ramp[static_cast<size_t>(level)].hex,
                fmt::format("level {} of {}", level + 1, map_levels));
  return out + text_at_place(label_width + 20.0 * map_levels + 6, 13, "start",
                             percent_text(map.high) + ", log scale");
}

std::string map_svg(const HeatMap& map) {
  const size_t columns = map.rows.empty() ? 1 : map.rows.front().cells.size();
  const double width = std::min(28.0, static_cast<double>(drawing_width - label_width) /
                                          static_cast<double>(columns));
  const int rows = static_cast<int>(map.rows.size() + map.singles.size());
  std::string out = open_svg(drawing_width, head_height + rows * row_height,
                             "relative RMSE by role and layer") +
                    scale_row(map);
  if (!map.rows.empty()) {
    const bool wide = columns > 4;
    out += text_at_place(label_width, head_height - 4, "start",
                         wide ? "layer 0" : fmt::format("layers 0-{}", map.layers - 1));
    if (wide)
      out += text_at_place(label_width + width * static_cast<double>(columns), head_height - 4,
                           "end", std::to_string(map.layers - 1));
  }
  double y = head_height;
  for (const HeatMap::Row& row : map.rows) {
    out += text_at_place(label_width - 6, y + 12, "end", short_role(row.role));
    for (size_t i = 0; i < row.cells.size(); ++i) {
      const std::string place = fmt::format("{}, layer {}", row.role, column_name(map, i));
      const auto& error = row.cells[i];
      out += cell(label_width + width * static_cast<double>(i), y, width,
                  error ? color_of(map, *error) : "",
                  place + ": " + (error ? percent_text(*error) : "no such tensor"));
    }
    y += row_height;
  }
  for (const auto& [role, error] : map.singles) {
    const std::string number = percent_text(error);
    out += text_at_place(label_width - 6, y + 12, "end", short_role(role));
    out += cell(label_width, y, width, color_of(map, error), role + ": " + number);
    out += text_at_place(label_width + width + 6, y + 12, "start", number);
    y += row_height;
  }
  return out + "</svg>\n";
}

HtmlTable map_table(const HeatMap& map, const std::string& id) {
  HtmlTable table{
      .id = id, .head = {"role", "layer", "relative RMSE"}, .rows = {}, .numbers = {1, 2}};
  for (const HeatMap::Row& row : map.rows)
    for (size_t i = 0; i < row.cells.size(); ++i)
      if (row.cells[i])
        table.rows.push_back({row.role, column_name(map, i), fmt::format("{:.6g}", *row.cells[i])});
  for (const auto& [role, error] : map.singles)
    table.rows.push_back({role, "", fmt::format("{:.6g}", error)});
  for (const std::string& role : map.exact) table.rows.push_back({role, "all", "0"});
  return table;
}

}  // namespace

std::string heat_map_chart(const std::vector<MapEntry>& entries, const std::string& id) {
  const HeatMap map = make_heat_map(entries, most_map_columns);
  if (map.is_empty()) return "";
  if (map.high == 0) return "<p>No tensor has any error.</p>\n";
  std::string title = "Relative RMSE by role and layer";
  if (map.per_column > 1)
    title += fmt::format(" (a column is the mean of {} layers)", map.per_column);
  return html_chart(title, map_svg(map), map_table(map, id));
}

namespace {

constexpr double plot_left = 70, plot_right = 740, plot_top = 20, plot_bottom = 300;

// From a range of values to one of pixels; a range of one value is its middle.
struct Axis {
  double low, high, from, to;
  double at(double value) const {
    return high > low ? from + (value - low) / (high - low) * (to - from) : (from + to) / 2;
  }
};

Axis axis_over(const std::vector<double>& values, double from, double to) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double margin = (*high - *low) * 0.06;
  return {*low - margin, *high + margin, from, to};
}

std::string plot_frame(const Axis& x, const Axis& y) {
  std::string out = fmt::format(
      "<line class=\"axis\" x1=\"{0}\" y1=\"{1}\" x2=\"{2}\" y2=\"{1}\"/>\n"
      "<line class=\"axis\" x1=\"{0}\" y1=\"{3}\" x2=\"{0}\" y2=\"{1}\"/>\n",
      plot_left, plot_bottom, plot_right, plot_top);
  for (int i = 0; i <= 4; ++i) {
    const double bits = x.low + (x.high - x.low) * i / 4, power = y.low + (y.high - y.low) * i / 4;
    out += text_at_place(x.at(bits), plot_bottom + 16, "middle", fmt::format("{:.2f}", bits));
    out += text_at_place(plot_left - 6, y.at(power) + 4, "end", percent_text(std::pow(10, power)));
  }
  out += text_at_place((plot_left + plot_right) / 2, plot_bottom + 34, "middle", "bits per weight");
  return out + text_at_place(plot_left, plot_top - 8, "start", "relative RMSE, log scale");
}

}  // namespace

std::string size_error_chart(const std::vector<SizedError>& models, const std::string& id) {
  HtmlTable table{.id = id,
                  .head = {"point", "model", "type", "bits per weight", "relative RMSE"},
                  .rows = {},
                  .numbers = {0, 3, 4}};
  std::vector<double> bits, powers;
  for (const SizedError& model : models) {
    table.rows.push_back({std::to_string(table.rows.size() + 1), model.name, model.type,
                          fmt::format("{:.4g}", model.bits_per_weight),
                          fmt::format("{:.6g}", model.error)});
    if (model.error <= 0) continue;  // has no place on a logarithmic scale
    bits.push_back(model.bits_per_weight);
    powers.push_back(std::log10(model.error));
  }
  if (bits.size() < 2) return "";
  const Axis x = axis_over(bits, plot_left, plot_right);
  const Axis y = axis_over(powers, plot_bottom, plot_top);
  std::string svg = open_svg(drawing_width, 345, "size against error") + plot_frame(x, y);
  for (size_t i = 0; i < models.size(); ++i) {
    const SizedError& model = models[i];
    if (model.error <= 0) continue;
    const double px = x.at(model.bits_per_weight), py = y.at(std::log10(model.error));
    svg += fmt::format(
        "<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"><title>{}</title>"
        "</circle>\n",
        px, py, map_ramp[3].hex,
        html_text(fmt::format("{} {}: {:.2f} bits, {}", model.name, model.type,
                              model.bits_per_weight, percent_text(model.error))));
    svg += text_at_place(px + 8, py - 6, "start", std::to_string(i + 1));
  }
  return html_chart("Size against error", svg + "</svg>\n", table);
}

}  // namespace recast::cli

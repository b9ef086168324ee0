#include "cli/errors_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cli/document.h"
#include "cli/heat_map.h"
#include "cli/table.h"
#include "cli/units.h"

namespace recast::cli {
namespace {

constexpr size_t shown_names = 10;

std::string side_text(const json::Value& side) {
  std::string out = text_at(side, {"path"}) + "   " + text_at(side, {"format"});
  for (const char* key : {"type", "architecture"})
    if (const std::string text = text_at(side, {key}); !text.empty()) out += ", " + text;
  out += ", " + bytes_text(number_at(side, {"bytes"}));
  const double bits = real_at(side, {"bits_per_weight"});
  return bits > 0 ? out + fmt::format(", {:.2f} bits/weight", bits) : out;
}

std::string total_text(const json::Value& total) {
  std::string out = fmt::format("relative RMSE {}", ratio_text(total, "relative_rmse"));
  if (at(total, {"weighted_relative_rmse"}))
    out += fmt::format(" ({} by importance)", ratio_text(total, "weighted_relative_rmse"));
  out += fmt::format(", cosine {}, largest error {}", ratio_text(total, "cosine"),
                     ratio_text(total, "max_abs_error"));
  const std::string sqnr = ratio_text(total, "sqnr_db");
  return sqnr == "-" ? out : fmt::format("{}, SQNR {} dB", out, sqnr);
}

std::string pairs_text(const json::Value& document) {
  const uint64_t tensors = number_at(document, {"total", "tensors"});
  std::string out = fmt::format("{}, {}, by {}", plural(tensors, "tensor"),
                                plural(number_at(document, {"total", "weights"}), "weight"),
                                text_at(document, {"paired_by"}));
  const std::string note = text_at(document, {"note"});
  return note.empty() ? out : fmt::format("{} ({})", out, note);
}

std::string not_finite_text(const json::Value& total) {
  const uint64_t reference = number_at(total, {"nonfinite"}), lost = number_at(total, {"lost"});
  if (reference + lost == 0) return "";
  return fmt::format("{} of the reference, {} of the compared model: left out of every number",
                     reference, lost);
}

// Columns that a line of the terminal has no place for are left to pipes and documents.
constexpr int wide_table = 100;

struct Column {
  std::string_view key, head;
};

std::vector<Column> number_columns(const json::Value& document, const Terminal& terminal) {
  std::vector<Column> out{{"relative_rmse", "rel. RMSE"}};
  if (at(document, {"imatrix"})) out.push_back({"weighted_relative_rmse", "weighted"});
  out.push_back({"max_abs_error", "max error"});
  if (!terminal.is_terminal || terminal.width >= wide_table) out.push_back({"cosine", "cosine"});
  out.push_back({"sqnr_db", "SQNR dB"});
  return out;
}

std::string worst_table(const json::Value& document, const ErrorsShown& shown,
                        const Terminal& terminal) {
  const std::vector<Column> numbers = number_columns(document, terminal);
  std::vector<std::vector<std::string>> rows;
  if (terminal.is_terminal) {
    std::vector<std::string> head = {"tensor", "from", "to"};
    for (const Column& column : numbers) head.emplace_back(column.head);
    rows.push_back(std::move(head));
  }
  std::vector<const json::Value*> sorted = worst_first(array_at(document, {"tensors"}));
  if (!shown.all) sorted.resize(std::min(sorted.size(), shown.top));
  for (const json::Value* row : sorted) {
    std::vector<std::string> cells;
    for (const char* key : {"name", "reference_type", "type"})
      cells.push_back(text_at(*row, {key}));
    for (const Column& column : numbers) cells.push_back(ratio_text(*row, column.key));
    rows.push_back(std::move(cells));
  }
  return render_table(rows, terminal, {3, 4, 5, 6, 7});
}

// The first names of a list, with why, and how many there are.
std::string lone_text(const json::Value& document, std::string_view key, std::string_view label,
                      const Terminal& terminal) {
  const json::Array& list = array_at(document, {key});
  std::string out;
  for (size_t i = 0; i < std::min(list.size(), shown_names); ++i) {
    const std::string why = text_at(list[i], {"why"});
    std::string text = text_at(list[i], {"name"}) + (why.empty() ? "" : fmt::format(" ({})", why));
    if (at(list[i], {"shape"}))
      text += fmt::format(": {} against {}", json::write(*at(list[i], {"reference_shape"})),
                          json::write(*at(list[i], {"shape"})));
    out += render_field(label, text, terminal);
  }
  if (list.size() > shown_names)
    out += render_field(label, fmt::format("and {} more", list.size() - shown_names), terminal);
  return out;
}

}  // namespace

std::string ratio_text(const json::Value& row, std::string_view key) {
  const json::Value* value = at(row, {key});
  const auto number = value ? value->as_double() : std::nullopt;
  return number ? fmt::format("{:.4g}", *number) : "-";
}

std::vector<const json::Value*> worst_first(const json::Array& tensors) {
  std::vector<const json::Value*> out;
  for (const json::Value& tensor : tensors) out.push_back(&tensor);
  const auto error = [](const json::Value* row) {
    const json::Value* value = at(*row, {"relative_rmse"});
    const auto number = value ? value->as_double() : std::nullopt;
    return number.value_or(std::numeric_limits<double>::infinity());
  };
  std::stable_sort(out.begin(), out.end(), [&](const json::Value* a, const json::Value* b) {
    return error(a) > error(b);
  });
  return out;
}

std::vector<std::pair<std::string, std::string>> errors_terms(const json::Value& document) {
  const json::Value* reference = at(document, {"reference"});
  const json::Value* compared = at(document, {"compared"});
  const json::Value* total = at(document, {"total"});
  std::string imatrix;
  if (at(document, {"imatrix"}))
    imatrix = fmt::format("{}, {}", text_at(document, {"imatrix", "path"}),
                          plural(number_at(document, {"imatrix", "weighted"}), "tensor"));
  return {{"reference", reference ? side_text(*reference) : ""},
          {"compared", compared ? side_text(*compared) : ""},
          {"pairs", pairs_text(document)},
          {"total", total ? total_text(*total) : ""},
          {"no number", total ? not_finite_text(*total) : ""},
          {"imatrix", imatrix}};
}

std::string errors_text(const json::Value& document, const ErrorsShown& shown,
                        const Terminal& terminal) {
  std::string out;
  const auto section = [&](const std::string& text) {
    if (!text.empty()) out += (terminal.is_terminal ? "\n" : "") + text;
  };
  for (const auto& [label, text] : errors_terms(document))
    if (!text.empty()) out += render_field(label, text, terminal);
  const std::vector<MapEntry> entries = map_entries(array_at(document, {"tensors"}));
  section(heat_map_text(make_heat_map(entries, map_columns(entries, terminal)), terminal));
  section(worst_table(document, shown, terminal));
  section(lone_text(document, "shape_differs", "shapes", terminal) +
          lone_text(document, "not_comparable", "no floats", terminal) +
          lone_text(document, "only_reference", "only in A", terminal) +
          lone_text(document, "only_compared", "only in B", terminal));
  return out;
}

}  // namespace recast::cli

#include "cli/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/document.h"
#include "cli/errors_text.h"
#include "cli/html.h"
#include "cli/html_charts.h"
#include "cli/report_text.h"
#include "cli/units.h"

namespace recast::cli {

bool is_conversion(const json::Value& document) {
  return at(document, {"recast"}) && at(document, {"source"}) && at(document, {"outputs"});
}
bool is_errors(const json::Value& document) {
  return at(document, {"recast"}) && at(document, {"reference"}) && at(document, {"compared"}) &&
         at(document, {"tensors"});
}

namespace {

std::string last_part(const std::string& path) {
  const std::filesystem::path whole(path);
  return (whole.has_filename() ? whole.filename() : whole.parent_path().filename()).string();
}

const json::Value& first_output(const json::Value& report) {
  static const json::Value none;
  const json::Array& outputs = array_at(report, {"outputs"});
  return outputs.empty() ? none : outputs.front();
}

// The rows of a document that have a relative RMSE.
const json::Array& error_rows(const json::Value& document) {
  return is_errors(document) ? array_at(document, {"tensors"})
                             : array_at(document, {"verification", "errors"});
}

// What a table of several documents says of one.
struct Summary {
  SizedError point;
  uint64_t bytes = 0;
  std::string worst;
};

Summary summary_of(const json::Value& document) {
  Summary out;
  if (is_errors(document)) {
    out.point = {last_part(text_at(document, {"compared", "path"})),
                 text_at(document, {"compared", "type"}),
                 real_at(document, {"compared", "bits_per_weight"}),
                 real_at(document, {"total", "relative_rmse"})};
    out.bytes = number_at(document, {"compared", "bytes"});
  } else {
    const json::Value& output = first_output(document);
    out.point = {last_part(text_at(output, {"path"})), text_at(output, {"type"}),
                 real_at(output, {"bits_per_weight"}),
                 real_at(document, {"verification", "relative_rmse"})};
    out.bytes = output_bytes(document);
  }
  const auto worst = worst_first(error_rows(document));
  if (!worst.empty() && real_at(*worst.front(), {"relative_rmse"}) > 0)
    out.worst = fmt::format("{}: {}", text_at(*worst.front(), {"name"}),
                            ratio_text(*worst.front(), "relative_rmse"));
  return out;
}

std::string comparison(const std::vector<json::Value>& documents) {
  HtmlTable table{.id = "models",
                  .head = {"model", "type", "size", "bits/weight", "relative RMSE", "worst tensor"},
                  .rows = {},
                  .numbers = {2, 3, 4}};
  std::vector<SizedError> points;
  for (const json::Value& document : documents) {
    const Summary one = summary_of(document);
    points.push_back(one.point);
    table.rows.push_back({one.point.name, one.point.type, bytes_text(one.bytes),
                          fmt::format("{:.2f}", one.point.bits_per_weight),
                          fmt::format("{:.4g}", one.point.error), one.worst});
  }
  return html_heading(2, "Comparison") + html_table(table) +
         "<p>The relative RMSE is over all weights. That of a conversion is an estimate where its "
         "verification read a sample of the rows.</p>\n" +
         size_error_chart(points, "points");
}

// Cells of the columns that any row fills.
HtmlTable number_table(const json::Value& document, const std::string& id) {
  struct Column {
    std::string_view key, head;
    bool is_number;
  };
  static constexpr Column columns[] = {{"name", "tensor", false},
                                       {"role", "role", false},
                                       {"layer", "layer", true},
                                       {"reference_type", "from", false},
                                       {"type", "to", false},
                                       {"weights", "weights", true},
                                       {"relative_rmse", "relative RMSE", true},
                                       {"weighted_relative_rmse", "by importance", true},
                                       {"max_abs_error", "max error", true},
                                       {"cosine", "cosine", true},
                                       {"sqnr_db", "SQNR dB", true},
                                       {"sampled", "rows", false}};
  const auto rows = worst_first(error_rows(document));
  HtmlTable table{.id = id, .head = {}, .rows = {}, .numbers = {}};
  table.rows.resize(rows.size());
  for (const Column& column : columns) {
    const auto value_of = [&](const json::Value* row) { return at(*row, {column.key}); };
    if (std::none_of(rows.begin(), rows.end(), value_of)) continue;
    if (column.is_number) table.numbers.push_back(table.head.size());
    table.head.emplace_back(column.head);
    for (size_t i = 0; i < rows.size(); ++i) {
      const json::Value* value = value_of(rows[i]);
      std::string text = value && !value->is_null() ? value_text(*value) : "";
      if (value && value->is_bool()) text = *value->as_bool() ? "a sample" : "all";
      if (value && value->is_number() && !value->as_int()) text = ratio_text(*rows[i], column.key);
      table.rows[i].push_back(std::move(text));
    }
  }
  return table;
}

std::string error_part(const json::Value& document, const std::string& prefix) {
  const json::Array& rows = error_rows(document);
  if (rows.empty()) return "";
  const std::string table = prefix + "tensors";
  return html_heading(3, "Error") + heat_map_chart(map_entries(rows), prefix + "map") +
         fmt::format("<button type=\"button\" data-csv=\"{}\">Copy as CSV</button>\n"
                     "<details>\n<summary>{}, the worst first</summary>\n{}</details>\n",
                     table, plural(rows.size(), "tensor"),
                     html_table(number_table(document, table)));
}

// A list of texts, folded when it is long.
std::string text_list(std::string_view title, const json::Array& items) {
  if (items.empty()) return "";
  std::string list;
  for (const json::Value& item : items) {
    std::string text = value_text(item);
    if (at(item, {"from"})) text = text_at(item, {"from"}) + " -> " + text_at(item, {"to"});
    if (at(item, {"name"})) text = text_at(item, {"name"}) + "  " + text_at(item, {"why"});
    if (at(item, {"code"}))
      text = fmt::format("{} {}: {} {}", text_at(item, {"code"}), text_at(item, {"message"}),
                         text_at(item, {"where"}), text_at(item, {"found"}));
    list += "<li>" + html_text(text) + "</li>\n";
  }
  return fmt::format("<details{}>\n<summary>{} ({})</summary>\n<ul>\n{}</ul>\n</details>\n",
                     items.size() <= 8 ? " open" : "", html_text(title), items.size(), list);
}

std::string type_table(const json::Value& report, const std::string& prefix) {
  HtmlTable table{.id = prefix + "types",
                  .head = {"tensor", "type", "shape", "bytes", "how", "XXH3-128"},
                  .rows = {},
                  .numbers = {3}};
  for (const json::Value& row : array_at(report, {"tensor_types"})) {
    const json::Value* shape = at(row, {"shape"});
    table.rows.push_back({text_at(row, {"name"}), text_at(row, {"type"}),
                          shape ? json::write(*shape) : "",
                          std::to_string(number_at(row, {"bytes"})), text_at(row, {"how"}),
                          text_at(row, {"xxh3"})});
  }
  if (table.rows.empty()) return "";
  return fmt::format("<details>\n<summary>Type of each tensor ({})</summary>\n{}</details>\n",
                     table.rows.size(), html_table(table));
}

std::string conversion_part(const json::Value& report, const std::string& prefix) {
  std::string out = html_heading(2, report_title(report));
  out += html_terms(report_terms(report));
  out += error_part(report, prefix);
  out += html_heading(3, "Metadata and messages");
  for (const auto& [key, title] : std::initializer_list<std::pair<std::string_view, const char*>>{
           {"warnings", "Warnings"}, {"kept", "Kept"}, {"mapped", "Mapped"}, {"dropped", "Dropped"},
           {"assumptions", "Assumed"}, {"notes", "Notes"}})
    out += text_list(title, array_at(report, {key}));
  return out + type_table(report, prefix);
}

std::string errors_part(const json::Value& document, const std::string& prefix) {
  std::string out = html_heading(
      2, fmt::format("{} against {}", last_part(text_at(document, {"compared", "path"})),
                     last_part(text_at(document, {"reference", "path"}))));
  out += html_terms(errors_terms(document));
  out += error_part(document, prefix);
  for (const auto& [key, title] : std::initializer_list<std::pair<std::string_view, const char*>>{
           {"shape_differs", "Of another shape"}, {"not_comparable", "Not floating point"},
           {"only_reference", "Only in the reference"}, {"only_compared", "Only in the compared"},
           {"warnings", "Warnings"}})
    out += text_list(title, array_at(document, {key}));
  return out;
}

// How to make it again, and what it was made of.
std::string origin_part(const json::Value& document) {
  const std::string command = text_at(document, {"command"});
  std::string out;
  if (!command.empty()) out = "<p><code>" + html_text(command) + "</code></p>\n";
  return out + html_terms({{"Recast", text_at(document, {"recast"})},
                           {"inputs, options, version", text_at(document, {"fingerprint"})},
                           {"headers of the reference", text_at(document, {"reference", "header"})},
                           {"headers of the compared", text_at(document, {"compared", "header"})}});
}

}  // namespace

std::string report_page(const std::vector<json::Value>& documents) {
  HtmlPage page{.title = "Recast report", .body = {}, .data = {}};
  if (documents.size() > 1) page.body += comparison(documents);
  for (size_t i = 0; i < documents.size(); ++i) {
    const std::string prefix = fmt::format("r{}-", i);
    page.body += is_errors(documents[i]) ? errors_part(documents[i], prefix)
                                         : conversion_part(documents[i], prefix);
  }
  page.body += html_heading(2, "Commands and hashes");
  for (const json::Value& document : documents) page.body += origin_part(document);
  page.data = json::Array(documents.begin(), documents.end());
  return html_page(page);
}

}  // namespace recast::cli

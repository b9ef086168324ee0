#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/session.h"
#include "cli/table.h"
#include "recast/formats.h"

namespace recast::cli {
namespace {

constexpr OptionRow rows[] = {
    {"to", 't', "format target", "FORMAT", "none", "Listing",
     "options: what acts there; pairs: only those", ""},
};

// The option table itself; with a target the library says what acts there.
json::Value option_rows(const std::string& to) {
  if (!to.empty()) return list_options(to);
  json::Array out;
  for (const OptionRow& row : convert_options()) {
    const auto list = [](std::string_view text) {
      json::Array array;
      for (std::string_view word : words(text)) array.emplace_back(word);
      return array;
    };
    json::Object object;
    object.emplace_back("option", row.name);
    object.emplace_back("short", row.short_name ? std::string(1, row.short_name) : "");
    object.emplace_back("aliases", list(row.aliases));
    object.emplace_back("value", row.value);
    object.emplace_back("default", row.default_text);
    object.emplace_back("group", row.group);
    object.emplace_back("help", row.help);
    object.emplace_back("values", list(row.values));
    object.emplace_back("environment", environment_name(row));
    object.emplace_back("repeats", row.repeats);
    object.emplace_back("acts_on_bytes", row.acts_on_bytes);
    out.emplace_back(std::move(object));
  }
  return out;
}

// "gguf:Q4_0" names the format gguf.
json::Value pair_rows(const std::string& to) {
  const std::string format = to.substr(0, to.find(':'));
  json::Array out;
  const json::Value pairs = list_pairs();
  for (const json::Value& pair : *pairs.as_array())
    if (format.empty() || text_at(pair, {"to"}) == format) out.push_back(pair);
  return out;
}

struct Table {
  std::string_view name;
  json::Value (*rows)(const std::string& to);
  bool takes_to;
  std::vector<std::string_view> columns;
};

const std::vector<Table>& tables() {
  static const std::vector<Table> all = {
      {"formats",
       [](const std::string&) { return list_formats(); },
       false,
       {"name", "read", "write", "on_disk", "aliases", "options"}},
      {"types",
       [](const std::string&) { return list_types(); },
       false,
       {"name", "bits_per_weight", "block", "bytes", "encode", "needs_imatrix", "targets"}},
      {"archs",
       [](const std::string&) { return list_archs(); },
       false,
       {"name", "gguf", "tiers", "classes"}},
      {"pairs", pair_rows, true, {"from", "to", "possible", "why"}},
      {"errors",
       [](const std::string&) { return list_errors(); },
       false,
       {"code", "kind", "exit", "symbol", "meaning"}},
      {"limits",
       [](const std::string&) { return list_limits(); },
       false,
       {"name", "default", "unit", "most", "reason"}},
      {"options", option_rows, true, {"option", "value", "default", "effect", "why", "help"}},
  };
  return all;
}

const Table& table_named(const std::string& name) {
  std::vector<std::string_view> names;
  for (const Table& table : tables()) {
    if (table.name == name) return table;
    names.push_back(table.name);
  }
  const std::string_view near = nearest(name, names);
  fail(codes::bad_value, {.where = "TABLE",
                          .expected = fmt::format("one of: {}", fmt::join(names, " ")),
                          .found = fmt::format("\"{}\"", printable(name)),
                          .fix = near.empty() ? "" : fmt::format("recast list {}", near)});
}

std::string cell(const json::Value* value) {
  if (!value || value->is_null()) return "";
  if (value->is_bool()) return *value->as_bool() ? "yes" : "no";
  const json::Array* array = value->as_array();
  if (!array) return value_text(*value);
  std::string out;
  for (const json::Value& element : *array)
    out.append(out.empty() ? "" : " ").append(value_text(element));
  return out;
}

// Columns that no row fills are left out.
std::string list_text(const Table& table, const json::Array& documents, const Terminal& terminal) {
  std::vector<std::string_view> columns;
  for (std::string_view column : table.columns)
    for (const json::Value& row : documents)
      if (row.find(column)) {
        columns.push_back(column);
        break;
      }
  std::vector<std::vector<std::string>> cells;
  if (terminal.is_terminal) cells.emplace_back(columns.begin(), columns.end());
  for (const json::Value& row : documents) {
    cells.emplace_back();
    for (std::string_view column : columns) cells.back().push_back(cell(row.find(column)));
  }
  return render_table(cells, terminal);
}

int run_list(Session& session) {
  const Table& table = table_named(session.args().operands[0]);
  const std::string to = session.args().value("to");
  if (!to.empty() && !table.takes_to)
    fail(codes::conflicting_options, {.where = fmt::format("list {} and --to", table.name),
                                      .expected = "--to with: pairs options"});
  json::Value document = table.rows(to);
  if (session.json())
    session.print_document(std::move(document));
  else
    session.print(list_text(table, *document.as_array(), session.out()));
  return 0;
}

}  // namespace

const Command list_command = {.name = "list",
                              .aliases = "ls",
                              .purpose = "List formats, types, pairs, errors, limits and more",
                              .operands = "TABLE",
                              .least = 1,
                              .most = 1,
                              .examples = {{{"list formats", "what is read and written"},
                                            {"list pairs --to gguf", "what converts to GGUF"},
                                            {"list options --to gguf", "which options act there"}}},
                              .frequent = "to json",
                              .options = rows,
                              .text = "TABLE is one of: formats types archs pairs errors limits options.",
                              .run = run_list};

}  // namespace recast::cli

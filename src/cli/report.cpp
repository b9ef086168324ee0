#include "cli/report.h"

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/html_report.h"
#include "cli/session.h"
#include "cli/text_file.h"
#include "io/file.h"

namespace recast::cli {

void store_report(const std::string& path, const json::Value& document, const std::string& text) {
  if (path.empty()) return;
  const std::string content = path.ends_with(".json")   ? json::write(document, 2) + "\n"
                              : path.ends_with(".html") ? report_page({document})
                                                        : text;
  write_text_file(path, content, "--report");
}

namespace {

constexpr std::string_view group = "Report";
constexpr OptionRow rows[] = {
    {"output", 'o', "output-path", "FILE", "standard output", group, "place of the page", ""},
    {"force", 0, "overwrite", "", "off", group, "replace any file", ""},
    limit_option,
};

json::Value read_report(const std::string& path) {
  json::Value document = json::parse_file(*open_file(path), {.file = path});
  if (!is_conversion(document) && !is_errors(document))
    fail(codes::not_a_report, {.expected = "what --report FILE.json stored", .file = path});
  return document;
}

int run_report(Session& session) {
  const Parsed& args = session.args();
  apply_limits(args);
  const std::string output = args.value("output");
  if (output != "-")
    check_text_target(output, "--output", args.has("force"), args.operands);
  std::vector<json::Value> documents;
  for (const std::string& path : args.operands) documents.push_back(read_report(path));
  if (session.json()) {
    json::Value all{json::Object{}};
    all.set("reports", json::Array(documents.begin(), documents.end()));
    session.print_document(std::move(all));
    return 0;
  }
  const std::string page = report_page(documents);
  if (output.empty() || output == "-") {
    session.print(page);
    return 0;
  }
  write_text_file(output, page, "--output");
  if (session.quiet() < 2) session.print(output + "\n");
  return 0;
}

}  // namespace

const Command report_command = {
    .name = "report",
    .aliases = "",
    .purpose = "Make one HTML page of stored reports",
    .operands = "FILE.json... [-o PAGE.html]",
    .least = 1,
    .most = 1000,
    .examples = {{{"report r.json -o r.html", "one conversion"},
                  {"report q4.json q8.json -o page.html", "a table and a chart"},
                  {"report e.json -o e.html", "one inspect --errors"}}},
    .frequent = "output force json quiet",
    .options = rows,
    .text =
        "The page is one file that loads nothing. Reports come from convert --report FILE.json and "
        "inspect --errors A B --report FILE.json; both may stand in one page.",
    .run = run_report};

}  // namespace recast::cli

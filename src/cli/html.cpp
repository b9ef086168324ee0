#include "cli/html.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/html_style.h"
#include "cli/terminal.h"

namespace recast::cli {

namespace {

constexpr std::string_view page_start = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n";
constexpr std::string_view generator = "<meta name=\"generator\" content=\"recast\">\n";

std::string replaced(std::string_view text,
                     std::initializer_list<std::pair<std::string_view, std::string_view>> by) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto* found = std::find_if(by.begin(), by.end(), [&](const auto& pair) {
      return text.substr(i).starts_with(pair.first);
    });
    if (found == by.end()) {
      out += text[i++];
      continue;
    }
    out += found->second;
    i += found->first.size();
  }
  return out;
}

}  // namespace

std::string html_text(std::string_view text) {
  return replaced(escape_controls(text), {{"&", "&amp;"},
                                          {"<", "&lt;"},
                                          {">", "&gt;"},
                                          {"\"", "&quot;"},
                                          {"'", "&#39;"}});
}

std::string html_json(const json::Value& value) {
  return replaced(json::write(value), {{"<", "\\u003c"},
                                       {">", "\\u003e"},
                                       {"&", "\\u0026"},
                                       {"\u2028", "\\u2028"},
                                       {"\u2029", "\\u2029"}});
}

std::string html_table(const HtmlTable& table) {
  const auto row = [&](const std::vector<std::string>& cells, std::string_view tag) {
    std::string out = "<tr>";
    for (size_t i = 0; i < cells.size(); ++i) {
      const bool right = std::count(table.numbers.begin(), table.numbers.end(), i) > 0;
      out += fmt::format("<{0}{1}>{2}</{0}>", tag, right ? " class=\"n\"" : "",
                         html_text(cells[i]));
    }
    return out + "</tr>\n";
  };
  std::string out = fmt::format("<table id=\"{}\">\n<thead>\n", table.id);
  out += row(table.head, "th") + "</thead>\n<tbody>\n";
  for (const auto& cells : table.rows) out += row(cells, "td");
  return out + "</tbody>\n</table>\n";
}

std::string html_chart(std::string_view title, const std::string& svg, const HtmlTable& numbers) {
  return fmt::format(
      "<figure>\n<figcaption>{}</figcaption>\n{}"
      "<button type=\"button\" data-csv=\"{}\">Copy as CSV</button>\n"
      "<details>\n<summary>Numbers</summary>\n{}</details>\n</figure>\n",
      html_text(title), svg, numbers.id, html_table(numbers));
}

std::string html_heading(int level, std::string_view text) {
  return fmt::format("<h{}>{}</h{}>\n", level, html_text(text), level);
}

std::string html_terms(const std::vector<std::pair<std::string, std::string>>& terms) {
  std::string out;
  for (const auto& [term, text] : terms)
    if (!text.empty())
      out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", html_text(term), html_text(text));
  return out.empty() ? out : "<dl>\n" + out + "</dl>\n";
}

std::string html_page(const HtmlPage& page) {
  std::string out(page_start);
  out.append("<meta charset=\"utf-8\">\n").append(generator);
  // Nothing is loaded, whatever a name from a file tries.
  out +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out += fmt::format("<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n",
                     html_text(page.title), html_style);
  out += html_heading(1, page.title) + page.body;
  out += fmt::format("</main>\n<script type=\"application/json\" id=\"data\">{}</script>\n",
                     html_json(page.data));
  out += fmt::format("<script>\n{}</script>\n</body>\n</html>\n", html_script);
  return out;
}

bool is_html_page(std::string_view start) {
  return start.starts_with(page_start) && start.find(generator) != start.npos;
}

}  // namespace recast::cli

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/json.h"

// Pages of one file each: they load nothing, work without script, and take every text for hostile.
namespace recast::cli {

// For a text or an attribute in double quotes: markup is escaped, control bytes and broken UTF-8
// become \xNN.
std::string html_text(std::string_view text);

// A document for a script element, which ends at the first "</script": no "<" is left in it, and
// nothing that JSON allows and JavaScript does not.
std::string html_json(const json::Value& value);

// A table with a head; cells are texts, escaped here. `numbers` names the columns to set right.
struct HtmlTable {
  std::string id;  // of ours, never out of a file
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  std::vector<size_t> numbers;
};
std::string html_table(const HtmlTable& table);

// A picture, its title, and its numbers as a table that a button copies as CSV.
std::string html_chart(std::string_view title, const std::string& svg, const HtmlTable& numbers);

// "<h2>" with a text.
std::string html_heading(int level, std::string_view text);
// Terms and what they are; an empty text is left out.
std::string html_terms(const std::vector<std::pair<std::string, std::string>>& terms);

struct HtmlPage {
  std::string title;
  std::string body;  // markup
  json::Value data;  // stands in the page as JSON, for programs
};
std::string html_page(const HtmlPage& page);

// How every page begins: an earlier one may be replaced.
bool is_html_page(std::string_view start);

}  // namespace recast::cli

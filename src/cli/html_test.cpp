#include "cli/html.h"

#include <gtest/gtest.h>

#include "cli/html_charts.h"
#include "cli/html_report.h"

namespace recast::cli {
namespace {

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Html, MarkupAndControlBytesAreEscaped) {
  EXPECT_EQ(html_text("<a href=\"x\">&'\x01\xff"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\\x01\\xff");
}

TEST(Html, JsonCannotEndItsElement) {
  json::Value value{json::Object{}};
  value.set("k", "</script><!--\u2028\u2029&");
  const std::string text = html_json(value);
  for (const char* part : {"<", ">", "&", "\u2028", "\u2029"})
    EXPECT_FALSE(holds(text, part)) << part;
  EXPECT_EQ(json::parse(text, {}), value);
}

TEST(Html, HostileNamesStayText) {
  const std::string bad = "\"><script>alert(1)</script>";
  json::Value document = json::parse(R"({"recast": "0", "reference": {}, "compared": {},
    "total": {"relative_rmse": 0.5}, "tensors": [{"relative_rmse": 0.5, "layer": 0}]})", {});
  document.find("compared")->set("path", bad);
  document.find("tensors")->as_array()->front().set("name", bad);
  document.find("tensors")->as_array()->front().set("role", bad);
  document.set("command", bad);
  const std::string page = report_page({document, document});
  EXPECT_TRUE(is_html_page(page));
  EXPECT_TRUE(holds(page, "&lt;script&gt;alert"));
  EXPECT_FALSE(holds(page, "<script>alert"));
  EXPECT_FALSE(holds(page, bad));
}

TEST(Html, SizeAgainstErrorNeedsTwoPoints) {
  const SizedError q4{"a", "Q4_K", 4.5, 0.07}, q8{"b", "Q8_0", 8.5, 0.005};
  const SizedError exact{"c", "F32", 32, 0};
  EXPECT_EQ(size_error_chart({q4}, "t"), "");
  EXPECT_EQ(size_error_chart({q4, exact}, "t"), "");
  const std::string chart = size_error_chart({q4, q8, exact}, "t");
  EXPECT_TRUE(holds(chart, "a Q4_K: 4.50 bits, 7 %"));
  EXPECT_TRUE(holds(chart, "data-csv=\"t\""));
}

TEST(Html, OtherDocumentsAreNoReports) {
  EXPECT_FALSE(is_conversion(json::parse("{\"recast\": \"0\"}", {})));
  EXPECT_FALSE(is_errors(json::parse("[1]", {})));
}

}  // namespace
}  // namespace recast::cli

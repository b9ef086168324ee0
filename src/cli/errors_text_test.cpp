#include "cli/errors_text.h"

#include <gtest/gtest.h>

namespace recast::cli {
namespace {

json::Value document() {
  return json::parse(R"({"recast": "0", "paired_by": "role",
    "reference": {"path": "a", "format": "hf", "type": "F32", "bytes": 2048, "bits_per_weight": 32},
    "compared": {"path": "b\u001b.gguf", "format": "gguf", "type": "Q8_0", "bytes": 512},
    "total": {"tensors": 3, "weights": 96, "relative_rmse": 0.25, "cosine": 0.5,
              "max_abs_error": 2.0, "sqnr_db": null, "nonfinite": 0, "lost": 2},
    "tensors": [
      {"name": "low", "role": "q", "layer": 0, "type": "Q8_0", "relative_rmse": 0.1},
      {"name": "none", "role": "k", "layer": 0, "type": "Q8_0", "relative_rmse": null},
      {"name": "high", "role": "v", "layer": 0, "type": "Q8_0", "relative_rmse": 0.2}],
    "only_reference": [{"name": "x", "why": "tied head"}], "only_compared": [],
    "shape_differs": [{"name": "s", "reference_shape": [2], "shape": [3]}], "not_comparable": []})",
                     {});
}

size_t at(const std::string& text, std::string_view part) { return text.find(part); }

TEST(ErrorsText, ListsTheWorstFirst) {
  const std::string text = errors_text(document(), {}, {});
  EXPECT_LT(at(text, "none\t"), at(text, "high\t"));
  EXPECT_LT(at(text, "high\t"), at(text, "low\t"));
  EXPECT_NE(at(text, "only in A\tx (tied head)"), std::string::npos);
  EXPECT_NE(at(text, "shapes\ts: [2] against [3]"), std::string::npos);
  EXPECT_NE(at(text, "no number\t0 of the reference, 2 of the compared"), std::string::npos);
}

TEST(ErrorsText, TopCutsTheListAndAllDoesNot) {
  EXPECT_EQ(at(errors_text(document(), {.top = 2}, {}), "low\t"), std::string::npos);
  EXPECT_NE(at(errors_text(document(), {.top = 2, .all = true}, {}), "low\t"), std::string::npos);
}

TEST(ErrorsText, NamesAreEscaped) {
  EXPECT_EQ(at(errors_text(document(), {}, {}), "\x1b"), std::string::npos);
  EXPECT_NE(at(errors_text(document(), {}, {}), "b\\x1b.gguf"), std::string::npos);
}

TEST(ErrorsText, AnEmptyDocumentStillPrints) {
  EXPECT_FALSE(errors_text(json::Object{}, {}, {}).empty());
}

}  // namespace
}  // namespace recast::cli

#include "base/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/limits_testing.h"

namespace recast {
namespace {

Error refusal(std::string_view name, uint64_t value) {
  try {
    set_limit(name, value);
  } catch (const Error& error) {
    return error;
  }
  return {};
}

TEST(Limits, RowsAreSaneAndNamesUnique) {
  const std::string symbols[] = {
#define RECAST_LIMIT(symbol, name, value, most, unit, reason) #symbol,
#include "base/limits.def"
#undef RECAST_LIMIT
  };
  std::set<std::string_view> seen;
  size_t i = 0;
  for (const LimitRow& row : all_limits()) {
    EXPECT_TRUE(seen.insert(row.name).second) << row.name;
    std::string dashed = symbols[i];
    std::replace(dashed.begin(), dashed.end(), '_', '-');
    EXPECT_EQ(row.name, dashed);
    EXPECT_EQ(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), row.name.npos) << row.name;
    EXPECT_EQ(static_cast<size_t>(row.limit), i++);
    EXPECT_GE(row.default_value, 1u) << row.name;
    EXPECT_LE(row.default_value, row.most) << row.name;
    EXPECT_LE(row.most, no_ceiling) << row.name;
    EXPECT_FALSE(row.reason.empty() || row.reason.ends_with('.')) << row.name;
    EXPECT_LE(row.reason.size(), 90u) << row.name;
    EXPECT_EQ(limit(row.limit), row.default_value) << row.name;
    EXPECT_EQ(find_limit(row.name), &row);
    EXPECT_EQ(find_limit(symbols[i - 1]), &row);
  }
}

// What recurses on a file's data may not be allowed to overflow the stack.
TEST(Limits, EveryDepthHasACeiling) {
  for (const LimitRow& row : all_limits())
    if (row.unit == "levels") {
      EXPECT_LE(row.most, 2000u) << row.name;
    }
}

TEST(Limits, AreSetByNameUpToTheirCeiling) {
  const uint64_t before = limit(Limit::json_depth);
  {
    const ScopedLimit deeper(Limit::json_depth, 1000);
    EXPECT_EQ(limit(Limit::json_depth), 1000u);
    EXPECT_EQ(refusal("json-depth", 1001).code, &codes::bad_value);
    EXPECT_EQ(refusal("json_depth", 0).expected, "json-depth from 1 to 1000");
    EXPECT_EQ(refusal("jsondepth", 1).code, &codes::bad_value);
    EXPECT_EQ(limit(Limit::json_depth), 1000u);
  }
  EXPECT_EQ(limit(Limit::json_depth), before);
}

TEST(Limits, RefusalsNameTheLimitAndWhatAllowsMore) {
  const ErrorFacts known = over_limit(codes::gguf_too_many, Limit::gguf_keys, {}, 70'000);
  EXPECT_EQ(known.expected, "at most 65536 metadata keys (limit gguf-keys)");
  EXPECT_EQ(known.found, "70000 metadata keys");
  EXPECT_EQ(known.fix, std::string(codes::gguf_too_many.fix) +
                           "; --limit gguf-keys=70000 allows more");
  const ErrorFacts unknown =
      over_limit(codes::json_depth, Limit::json_depth, {.expected = "x", .found = "y", .fix = "z"});
  EXPECT_EQ(unknown.expected, "x: at most 64 levels (limit json-depth)");
  EXPECT_EQ(unknown.found, "y");
  EXPECT_EQ(unknown.fix, "z; --limit json-depth=128 allows more");
}

TEST(Limits, NothingIsPromisedBeyondTheCeiling) {
  const ScopedLimit highest(Limit::json_depth, 1000);
  EXPECT_EQ(over_limit(codes::json_depth, Limit::json_depth).fix, codes::json_depth.fix);
  EXPECT_EQ(over_limit(codes::safetensors_rank, Limit::safetensors_rank, {}, 33).fix,
            codes::safetensors_rank.fix);
}

}  // namespace
}  // namespace recast

#include "convert/options.h"

#include <gtest/gtest.h>

#include <set>

namespace recast {
namespace {

void set(ConvertOptions& options, std::string_view name, std::string_view value) {
  const OptionRow* row = find_option(name);
  ASSERT_NE(row, nullptr) << name;
  row->set(options, value);
}

const ErrorCode* refused(std::string_view name, std::string_view value) {
  ConvertOptions options;
  try {
    find_option(name)->set(options, value);
  } catch (const Error& error) {
    EXPECT_FALSE(error.expected.empty());
    EXPECT_FALSE(error.found.empty());
    return error.code;
  }
  return nullptr;
}

TEST(ConvertOptionTable, NamesAliasesAndShortFlagsAreUnique) {
  std::set<std::string> seen;
  for (const OptionRow& row : convert_options()) {
    EXPECT_TRUE(seen.insert(std::string(row.name)).second) << row.name;
    if (row.short_name) {
      EXPECT_TRUE(seen.insert(std::string(1, row.short_name)).second) << row.name;
    }
    std::string alias;
    for (char c : std::string(row.aliases) + " ") {
      if (c != ' ') {
        alias += c;
        continue;
      }
      EXPECT_TRUE(alias.empty() || seen.insert(alias).second) << alias;
      alias.clear();
    }
    EXPECT_FALSE(row.help.empty() || row.group.empty() || row.default_text.empty()) << row.name;
    EXPECT_EQ(find_option(row.name), &row);
  }
}

TEST(ConvertOptionTable, FindsAliasesAndUnderscores) {
  EXPECT_EQ(find_option("max_memory"), find_option("memory"));
  EXPECT_EQ(find_option("as"), find_option("model-type"));
  EXPECT_EQ(find_option("overwrite"), find_option("force"));
  EXPECT_EQ(find_option("set"), find_option("format_option"));
  EXPECT_EQ(find_option("mem"), nullptr);
}

TEST(ConvertOptionTable, SetsTheFieldOfItsName) {
  ConvertOptions o;
  set(o, "threads", "3");
  set(o, "memory", "2G");
  set(o, "metadata", "general.author=Ada");
  set(o, "metadata", "general.tags=a=b");
  set(o, "journal", "");
  set(o, "no-manifest", "");
  EXPECT_EQ(o.threads, 3);
  EXPECT_EQ(o.memory, uint64_t{2} << 30);
  EXPECT_EQ(o.metadata, (std::vector<std::string>{"general.author=Ada", "general.tags=a=b"}));
  EXPECT_EQ(o.journal, 256'000'000u);
  EXPECT_FALSE(o.manifest);
  set(o, "validate", "");
  EXPECT_EQ(o.verify, "structure");
  set(o, "no-verify", "");
  EXPECT_EQ(o.verify, "none");
}

TEST(ConvertOptionTable, SpellingOfChoicesDoesNotMatter) {
  for (const char* text : {"fp16", "F16", "Float16", "HALF"}) {
    ConvertOptions o;
    set(o, "precision", text);
    EXPECT_EQ(o.precision, "f16") << text;
  }
  ConvertOptions o;
  set(o, "verify", "Tensors");
  set(o, "allow-overflow", "CLAMP");
  set(o, "split", "Size:2G");
  EXPECT_EQ(o.verify, "tensors");
  EXPECT_EQ(o.allow_overflow, "clamp");
  EXPECT_EQ(o.split, "size:2G");
}

TEST(ConvertOptionTable, RefusesWhatAnOptionDoesNotTake) {
  const std::pair<std::string_view, std::string_view> bad[] = {{"threads", "0"},
                                                               {"threads", "two"},
                                                               {"threads", "3 "},
                                                               {"memory", "0"},
                                                               {"memory", "lots"},
                                                               {"verify", "logits"},
                                                               {"precision", "fp12"},
                                                               {"context-length", "-1"},
                                                               {"metadata", "author"},
                                                               {"metadata", "=Ada"},
                                                               {"split", "128"},
                                                               {"split", "tensors:0"},
                                                               {"split", "size:x"},
                                                               {"split", "rows:3"},
                                                               {"format-option", "alignment=64"},
                                                               {"format-option", "gguf.=1"},
                                                               {"journal", "x"},
                                                               {"allow-overflow", "wrap"}};
  for (const auto& [name, value] : bad)
    EXPECT_EQ(refused(name, value), &codes::bad_value) << name << "=" << value;
}

TEST(ParseSize, KnowsBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_size("1048576"), 1048576u);
  EXPECT_EQ(parse_size("17B"), 17u);
  EXPECT_EQ(parse_size("4G"), uint64_t{4} << 30);
  EXPECT_EQ(parse_size("512MiB"), 512u << 20);
  EXPECT_EQ(parse_size("5GB"), 5'000'000'000u);
  EXPECT_EQ(parse_size("3kb"), 3000u);
  EXPECT_EQ(parse_size("1.5g"), uint64_t{3} << 29);
  EXPECT_EQ(parse_size("0.5TB"), 500'000'000'000u);
  EXPECT_EQ(parse_size("18446744073709551615"), UINT64_MAX);
}

TEST(ParseSize, RefusesTheRest) {
  for (const char* text : {"", "G", "-1", "1.", ".5G", "1.2.3", "1Q", "1GBs", "4 GiB", "1ib",
                           "18446744073709551616", "16777216T", "1e9", "0x10"})
    EXPECT_THROW(parse_size(text), Error) << text;
}

TEST(Nearest, SuggestsWithinOneEditInThree) {
  const std::string_view names[] = {"convert", "inspect", "validate", "opset_version"};
  EXPECT_EQ(nearest("konvert", names), "convert");
  EXPECT_EQ(nearest("opset_verison", names), "opset_version");
  EXPECT_EQ(nearest("INSPCT", names), "inspect");
  EXPECT_EQ(nearest("val", names), "validate");
  EXPECT_EQ(nearest("quantize", names), "");
  EXPECT_EQ(nearest("x", names), "");
}

}  // namespace
}  // namespace recast

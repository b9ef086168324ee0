#include "model/metadata_override.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace recast {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

const ErrorCode* refusal(std::string_view key, std::string_view text) {
  try {
    parse_metadata_value(key, text);
  } catch (const Error& error) {
    EXPECT_TRUE(error.where.starts_with("--metadata ")) << error.where;
    return error.code;
  }
  return nullptr;
}

TEST(MetadataOverride, KnownKeysHaveTheirTypes) {
  EXPECT_EQ(parse_metadata_value("general.author", "u32:7"), MetaValue::string("u32:7"));
  EXPECT_EQ(parse_metadata_value("general.url", "https://x"), MetaValue::string("https://x"));
  EXPECT_EQ(parse_metadata_value("general.author", "string:me"), MetaValue::string("me"));
  EXPECT_EQ(parse_metadata_value("general.file_type", "7"), MetaValue::u32(7));
  EXPECT_EQ(parse_metadata_value("general.file_type", "u32:7"), MetaValue::u32(7));
  EXPECT_EQ(parse_metadata_value("general.sampling.top_k", "-1"), MetaValue::i32(-1));
  EXPECT_EQ(parse_metadata_value("general.sampling.temp", "0.7"), MetaValue::f32(0.7f));
  EXPECT_EQ(parse_metadata_value("general.tags", "a, b c,d"),
            MetaValue::strings({"a", "b c", "d"}));
  EXPECT_EQ(parse_metadata_value("general.base_model.3.doi", "5"), MetaValue::string("5"));
}

TEST(MetadataOverride, TypesCanBeNamed) {
  EXPECT_EQ(parse_metadata_value("x", "7"), MetaValue::string("7"));
  EXPECT_EQ(parse_metadata_value("x", "string:u32:7"), MetaValue::string("u32:7"));
  EXPECT_EQ(parse_metadata_value("x", "note: all"), MetaValue::string("note: all"));
  EXPECT_EQ(parse_metadata_value("x", "bool:true"), MetaValue::boolean(true));
  EXPECT_EQ(parse_metadata_value("x", "f32:1e-5"), MetaValue::f32(1e-5f));
  EXPECT_EQ(parse_metadata_value("x", "u16:65535"), MetaValue::u16(65535));
  EXPECT_EQ(parse_metadata_value("x", "i32[]:1,-2"), MetaValue::i32s({1, -2}));
  EXPECT_EQ(parse_metadata_value("x", "f32[]:0.5"), MetaValue::f32s({0.5}));
  EXPECT_EQ(parse_metadata_value("x", "string[]:"), MetaValue::strings({}));
  const MetaValue big = parse_metadata_value("x", "u64:18446744073709551615");
  EXPECT_EQ(std::get<uint64_t>(big.data), UINT64_MAX);
  EXPECT_EQ(std::get<double>(parse_metadata_value("x", "f64:0.1").data), 0.1);
}

TEST(MetadataOverride, AReplacedValueGivesItsType) {
  const MetaValue present = MetaValue::u32(4);
  EXPECT_EQ(parse_metadata_value("llama.context_length", "8192", &present), MetaValue::u32(8192));
  EXPECT_EQ(parse_metadata_value("llama.context_length", "i32:8", &present), MetaValue::i32(8));
  const MetaValue list = MetaValue::f32s({1});
  EXPECT_EQ(parse_metadata_value("x", "1,2.5", &list), MetaValue::f32s({1, 2.5}));
}

TEST(MetadataOverride, WrongValuesAreRefused) {
  for (const auto& [key, text] : Pairs{{"x", "u8:256"},
                                       {"x", "u8:-1"},
                                       {"x", "i8:128"},
                                       {"x", "u32:1.5"},
                                       {"x", "u32:"},
                                       {"x", "bool:maybe"},
                                       {"x", "f32:1e39"},
                                       {"x", "f64:nan"},
                                       {"x", "u64:18446744073709551616"},
                                       {"x", "u33:1"},
                                       {"x", "f16:1"},
                                       {"x", "text[]:a"},
                                       {"x", "i32[]:1,,2"},
                                       {"", "1"},
                                       {"general.file_type", "i32:7"},
                                       {"general.file_type", "Q8_0"},
                                       {"general.alignment", "64"}})
    EXPECT_EQ(refusal(key, text), &codes::bad_value) << key << "=" << text;
}

TEST(MetadataOverride, PairsSetAppendAndRemove) {
  Metadata metadata;
  metadata.set("a", MetaValue::u32(1));
  metadata.set("general.name", MetaValue::string("old"));
  metadata.set("gone", MetaValue::u32(2));
  const Pairs pairs{
      {"a", "5"}, {"gone", ""}, {"new", "bool:1"}, {"general.name", "N"}, {"absent", ""}};
  Metadata rest = metadata;
  apply_overrides(metadata, pairs);
  ASSERT_EQ(metadata.entries().size(), 3u);
  EXPECT_EQ(metadata.entries()[0], Metadata::Entry("a", MetaValue::u32(5)));
  EXPECT_EQ(metadata.entries()[1], Metadata::Entry("general.name", MetaValue::string("N")));
  EXPECT_EQ(metadata.entries()[2], Metadata::Entry("new", MetaValue::boolean(true)));
  apply_overrides(rest, pairs, OverrideKeys::not_general);
  EXPECT_EQ(*rest.find("general.name"), MetaValue::string("old"));
  EXPECT_EQ(*rest.find("a"), MetaValue::u32(5));
}

}  // namespace
}  // namespace recast

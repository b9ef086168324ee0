#include "wire/json.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "base/limits_testing.h"
#include "io/memory_file.h"
#include "wire/caught.h"
#include "wire/mistaken.h"
#include "wire/utf8.h"

namespace recast::json {
namespace {

Value read(std::string_view text) { return parse(text, {.file = "config.json"}); }

Error refusal(std::string_view text) {
  return caught([&] { read(text); });
}

// Expected texts: repr() of Python 3.11.
TEST(JsonNumber, IsSpelledAsPythonSpellsDoubles) {
  const std::pair<uint64_t, std::string_view> rows[] = {
      {0x0000000000000000, "0.0"},
      {0x8000000000000000, "-0.0"},
      {0x3ff0000000000000, "1.0"},
      {0x40c3880000000000, "10000.0"},
      {0x3f947ae147ae147b, "0.02"},
      {0x3eb0c6f7a0b5ed8d, "1e-06"},
      {0x3ee4f8b588e368f1, "1e-05"},
      {0x3f1a36e2eb1c432d, "0.0001"},
      {0x3f202e4b6ce5dc68, "0.00012345"},
      {0x430c6bf526340000, "1000000000000000.0"},
      {0x4341c37937e08000, "1e+16"},
      {0x4376345785d8a000, "1e+17"},
      {0x437b69b4ba630f35, "1.2345678901234568e+17"},
      {0x4340000000000000, "9007199254740992.0"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0x0000000000000001, "5e-324"},
      {0x0010000000000000, "2.2250738585072014e-308"},
      {0x3fb999999999999a, "0.1"},
      {0x3fd5555555555555, "0.3333333333333333"},
      {0xc004000000000000, "-2.5"},
      {0x4480f0cf064dd592, "1e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x411e848000000000, "500000.0"},
      {0x47efffffe0000000, "3.4028234663852886e+38"},
      {0x3fb6a09e667f3bcd, "0.08838834764831845"},
      {0x4341c37937e07fff, "9999999999999998.0"},
      {0x40a4d8399f767c45, "2668.1125447298714"},
      {0xc3611fdecb91ce37, "-3.856093090089823e+16"},
      {0xc2610dff076ce2ef, "-585994091367.0917"},
      {0xbeefd374c6a53877, "-1.5175819687709487e-05"},
      {0x3d764138a6233255, "1.265037249410931e-12"},
      {0x427dd97f1cfb10f6, "2051248607153.06"},
      {0x410f65a8de527100, "257205.108555682"},
      {0x441afe878b33e968, "1.2448903174475337e+20"},
      {0x3e6b73993fd42359, "5.1132509762815066e-08"},
      {0x3ddc281d687c966c, "1.0243347326749673e-10"},
      {0xc121cc9dea959c21, "-583246.9581726828"},
      {0xbc1d8b7628dbd25e, "-4.004063210887152e-19"},
      {0xc4d0691c238642ea, "-3.099871978621321e+23"},
      {0x3d0f5c6671e0c07e, "1.3927054258350666e-14"}};
  for (const auto& [bits, text] : rows) {
    const Value value(std::bit_cast<double>(bits));
    EXPECT_EQ(value.as_number()->text, text);
    EXPECT_EQ(std::bit_cast<uint64_t>(value.as_double().value()), bits) << text;
  }
  EXPECT_EQ(write(Value(std::nan(""))), "NaN");
  EXPECT_EQ(write(Value(-INFINITY)), "-Infinity");
}

TEST(JsonNumber, RandomDoublesReadBackExactly) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(read(write(Value(value))).as_double(), value);
  }
}

TEST(JsonNumber, FitsOrIsAbsent) {
  EXPECT_EQ(read("4").as_int(), 4);
  EXPECT_EQ(read("4.0").as_int(), 4);
  EXPECT_EQ(read("0.4e1").as_int(), 4);
  EXPECT_EQ(read("4.5").as_int(), std::nullopt);
  EXPECT_EQ(read("1e-1").as_int(), std::nullopt);
  EXPECT_EQ(read("-0").as_uint(), 0u);
  EXPECT_EQ(read("0.000e99").as_uint(), 0u);
  EXPECT_EQ(read("-1").as_uint(), std::nullopt);
  EXPECT_EQ(read("9223372036854775807").as_int(), INT64_MAX);
  EXPECT_EQ(read("9223372036854775808").as_int(), std::nullopt);
  EXPECT_EQ(read("-9223372036854775808").as_int(), INT64_MIN);
  EXPECT_EQ(read("-9223372036854775809").as_int(), std::nullopt);
  EXPECT_EQ(read("18446744073709551615").as_uint(), UINT64_MAX);
  EXPECT_EQ(read("18446744073709551616").as_uint(), std::nullopt);
  EXPECT_EQ(read("NaN").as_int(), std::nullopt);
  EXPECT_EQ(read("1e-400").as_double(), 0.0);
  EXPECT_TRUE(std::signbit(read("-1e-400").as_double().value()));
  EXPECT_EQ(Value(Number{"1e400"}).as_double(), std::nullopt);
  EXPECT_EQ(read("-Infinity").as_double(), -INFINITY);
  EXPECT_EQ(read(R"({"__float__": "Infinity"})").as_double(), INFINITY);
  EXPECT_EQ(read(R"({"__float__": 1})").as_double(), std::nullopt);
  EXPECT_EQ(read(R"("4")").as_int(), std::nullopt);
}

TEST(JsonNumber, EqualityIsByExactValue) {
  EXPECT_EQ(read("[4, 1e-06, -0, NaN]"), read("[4.0, 0.000001, 0, NaN]"));
  EXPECT_FALSE(read("9007199254740993") == read("9007199254740992"));
  EXPECT_FALSE(read("1") == read("-1"));
  EXPECT_FALSE(read("NaN") == read("Infinity"));
}

TEST(JsonValue, MembersAreFoundSetAndErased) {
  Value value;
  value.set("a", 1);
  value.set("b", "two");
  value.set("a", Array{nullptr, true});
  EXPECT_EQ(write(value), R"({"a": [null, true], "b": "two"})");
  EXPECT_EQ(*value.find("b")->as_string(), "two");
  EXPECT_EQ(value.find("c"), nullptr);
  EXPECT_EQ(value.find("a")->find("a"), nullptr);
  EXPECT_TRUE(value.erase("a"));
  EXPECT_FALSE(value.erase("a"));
  EXPECT_EQ(write(value), R"({"b": "two"})");
}

TEST(JsonValue, NamesItsType) {
  const char* names[] = {"null", "boolean", "number", "string", "array", "object"};
  const Value array = read(R"([null, false, 1, "", [], {}])");
  for (size_t i = 0; i < std::size(names); ++i)
    EXPECT_EQ((*array.as_array())[i].type_name(), names[i]);
}

TEST(JsonValue, ObjectsAreEqualInAnyOrder) {
  EXPECT_EQ(read(R"({"a": 1, "b": {"c": 2, "d": []}})"),
            read(R"({"b": {"d": [], "c": 2.0}, "a": 1})"));
  EXPECT_FALSE(read(R"({"a": 1})") == read(R"({"b": 1})"));
  EXPECT_FALSE(read(R"({"a": 1})") == read(R"({"a": 1, "b": 1})"));
  EXPECT_FALSE(read("[1, 2]") == read("[2, 1]"));
  EXPECT_FALSE(read("null") == read("false"));
}

constexpr std::string_view document =
    R"({"model_type": "qwen3", "eps": 1e-06, "theta": 10000.0, "n": [], "o": {}, "t": true, "f": )"
    R"(false, "z": null, "neg": -1, "esc": "\"\\\/\b\f\n\r\t\u0000\u001f\u007f", "uni": )"
    R"("h\u00e9llo \ud83d\ude00", "nan": [NaN, Infinity, -Infinity], "deep": [[1, [2, {"a": [{}]}]]], )"
    R"("": 18446744073709551616})";

// Expected texts: json.dumps(ensure_ascii=False, indent=None and 2) of Python 3.11.
TEST(JsonWrite, GivesTheTextOfPythonsDumps) {
  EXPECT_EQ(
      write(read(document)),
      "{\"model_type\": \"qwen3\", \"eps\": 1e-06, \"theta\": 10000.0, \"n\": [], \"o\": "
      "{}, \"t\": true, \"f\": false, \"z\": null, \"neg\": -1, \"esc\": \"\\\"\\\\/\\b\\f\\n\\r"
      "\\t\\u0000\\u001f\x7f"
      "\", \"uni\": \"héllo 😀\", \"nan\": [NaN, Infinity, -Infinity],"
      " \"deep\": [[1, [2, {\"a\": [{}]}]]], \"\": 18446744073709551616}");
  EXPECT_EQ(write(read(document), 2),
            "{\n"
            "  \"model_type\": \"qwen3\",\n"
            "  \"eps\": 1e-06,\n"
            "  \"theta\": 10000.0,\n"
            "  \"n\": [],\n"
            "  \"o\": {},\n"
            "  \"t\": true,\n"
            "  \"f\": false,\n"
            "  \"z\": null,\n"
            "  \"neg\": -1,\n"
            "  \"esc\": \"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f"
            "\",\n"
            "  \"uni\": \"héllo 😀\",\n"
            "  \"nan\": [\n"
            "    NaN,\n"
            "    Infinity,\n"
            "    -Infinity\n"
            "  ],\n"
            "  \"deep\": [\n"
            "    [\n"
            "      1,\n"
            "      [\n"
            "        2,\n"
            "        {\n"
            "          \"a\": [\n"
            "            {}\n"
            "          ]\n"
            "        }\n"
            "      ]\n"
            "    ]\n"
            "  ],\n"
            "  \"\": 18446744073709551616\n"
            "}");
}

TEST(JsonWrite, TextThatIsNotUtf8StillGivesJson) {
  EXPECT_EQ(write(Value(std::string("a\xff\xe2\x81z"))), "\"a\uFFFD\uFFFD\uFFFDz\"");
  EXPECT_NO_THROW(read(write(Value(std::string("\xed\xa0\x80")))));
}

TEST(JsonWrite, ReadsBackForAnyStringAndIndent) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    Value value = Array();
    for (int k = 0; k < 6; ++k) {
      std::string text;
      for (int n = 0; n < static_cast<int>(random() % 9); ++n) {
        constexpr std::string_view pieces[] = {
            "a", "\\", "\"", "\n", "\x01", "\xc3\xa9", "\xf0\x9f\x98\x80", "/", "\x7f"};
        text += pieces[random() % std::size(pieces)];
      }
      if (random() % 4 == 0) text += '\0';
      Value wrapped = Object{{text, text}};
      value.as_array()->push_back(std::move(wrapped));
    }
    const int indent = static_cast<int>(random() % 4);
    EXPECT_EQ(read(write(value, indent)), value);
  }
}

TEST(JsonParse, RefusesByNameAndOffset) {
  struct Row {
    std::string text;
    std::string_view symbol, word;
  };
  const Row rows[] = {
      {"", "json_syntax", "offset 0"},
      {" \n\t", "json_syntax", "offset 3"},
      {"{", "json_syntax", "a key in quotes"},
      {"{\"a\" 1}", "json_syntax", "offset 5 (0x5)"},
      {"{\"a\": 1,}", "json_syntax", "offset 8"},
      {"[1 2]", "json_syntax", "a comma or ]"},
      {"{\"a\": 1} {}", "json_syntax", "nothing after the JSON value"},
      {"nul", "json_syntax", "JSON"},
      {"'a'", "json_syntax", "'a'"},
      {"[01]", "json_syntax", "comma"},
      {"[1.]", "json_syntax", "digit"},
      {"[1e]", "json_syntax", "exponent"},
      {"[.5]", "json_syntax", ".5"},
      {"[+5]", "json_syntax", "+5"},
      {"[1e400]", "json_syntax", "range"},
      {"[Inf]", "json_syntax", "Infinity"},
      {"[-Inf]", "json_syntax", "offset 1 "},
      {"[-NaN]", "json_syntax", "NaN"},
      {"[NInfinity]", "json_syntax", "NInfinity"},
      {"[NaInf]", "json_syntax", "NaInf"},
      {"[nan]", "json_syntax", "JSON value"},
      {"\"a", "json_syntax", "quotation mark"},
      {"\"a\nb\"", "json_syntax", "control"},
      {"\"\\x41\"", "json_syntax", "escape"},
      {"\"\\u12g4\"", "json_syntax", "hex"},
      {"// c\n1", "json_syntax", "offset 0"},
      {"\xEF\xBB\xBF{}", "json_syntax", "byte order mark"},
      {std::string("{}\0", 3), "json_syntax", "NUL"},
      {std::string("\"a\0b\"", 5), "json_syntax", "NUL"},
      {"\"\xff\"", "json_utf8", "0xff"},
      {"\"\xed\xa0\x80\"", "json_utf8", "UTF-8"},
      {"\"\xc3", "json_utf8", "offset 1"},
      {"\"\\ud800\"", "json_surrogate", "surrogate"},
      {"\"\\ud800\\u0041\"", "json_surrogate", "high surrogate"},
      {"\"\\udc00\"", "json_surrogate", "low surrogate"},
      {"{\"\\udfff\": 1}", "json_surrogate", "low surrogate"},
      {"{\"a\": 1, \"a\": 1}", "json_duplicate_key", "\"a\""},
      {"{\"a\": 1, \"\\u0061\": 1}", "json_duplicate_key", "duplicate"},
      {"[{\"b\": {\"a\": 0}, \"a\": 1, \"a\": 1}]", "json_duplicate_key", "\"a\""},
  };
  for (const Row& row : rows) {
    const Error error = refusal(row.text);
    EXPECT_EQ(symbol_of(error), row.symbol) << printable(row.text);
    EXPECT_NE(all_text(error).find(row.word), std::string::npos)
        << printable(row.text) << " gives " << all_text(error);
    EXPECT_EQ(error.file, "config.json");
  }
}

TEST(JsonParse, AcceptsTheSameKeyInDifferentObjects) {
  EXPECT_EQ(read(R"([{"a": {"a": {"a": 1}}}, {"a": 2}])").as_array()->size(), 2u);
}

TEST(JsonParse, KeepsNulAndPairedSurrogates) {
  EXPECT_EQ(*read(R"("a\u0000b")").as_string(), std::string_view("a\0b", 3));
  EXPECT_EQ(*read(R"("\ud83d\ude00\ud7ff\ue000")").as_string(),
            "\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80");
}

TEST(JsonParse, LimitsDepthWithoutUsingTheStack) {
  const auto nested = [](size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(read(nested(64)).is_array());
  EXPECT_EQ(symbol_of(refusal(nested(65))), "json_depth");
  EXPECT_EQ(symbol_of(refusal(std::string(1000000, '['))), "json_depth");
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += "{\"a\":";
  const Error error = refusal(objects);
  EXPECT_EQ(symbol_of(error), "json_depth");
  EXPECT_NE(all_text(error).find("nest"), std::string::npos);
}

TEST(JsonParse, LimitsTheSize) {
  const ScopedLimit five(Limit::json_bytes, 5);
  EXPECT_EQ(symbol_of(caught([] { parse("[1, 2]", {}); })), "json_size");
  EXPECT_TRUE(parse("[1,2]", {}).is_array());
}

TEST(JsonParse, ReportsOffsetsWithinTheFile) {
  const Error error = caught([] { parse("[1 2]", {.file = "f", .base_offset = 100}); });
  EXPECT_EQ(error.where, offset_where(103));
}

TEST(JsonParse, FindsADuplicateAmongAMillionKeys) {
  std::string text = "{";
  for (int i = 0; i < 1000000; ++i) text += "\"k" + std::to_string(i * 7) + "\":1,";
  const Value value = read(text + "\"last\":2}");
  EXPECT_EQ(value.as_object()->size(), 1000001u);
  const Error error = refusal(text + "\"k4900008\":2,\"k49\":3}");
  EXPECT_EQ(symbol_of(error), "json_duplicate_key");
  EXPECT_NE(all_text(error).find("\"k49\""), std::string::npos);
}

// Whatever is damaged, the outcome is a value or an Error.
TEST(JsonParse, SurvivesEveryChangedByteAndEveryTruncation) {
  int accepted = 0, refused = 0;
  const auto attempt = [&](std::string_view text) {
    ++(caught([&] { read(text); }).code ? refused : accepted);
  };
  for (size_t i = 0; i < document.size(); ++i) {
    attempt(document.substr(0, i));
    std::string changed(document);
    for (int byte = 0; byte < 256; ++byte) {
      changed[i] = static_cast<char>(byte);
      attempt(changed);
    }
  }
  EXPECT_GT(accepted, 5000);
  EXPECT_GT(refused, 10000);
}

TEST(JsonFile, NamesWhatWasSavedInItsPlace) {
  const auto symbol = [](std::string_view text) {
    const Error error = caught([&] { parse_file(MemoryFile("config.json", text)); });
    EXPECT_EQ(error.file, "config.json");
    return symbol_of(error);
  };
  EXPECT_EQ(symbol(""), "empty_file");
  EXPECT_EQ(symbol("version https://git-lfs.github.com/spec/v1\n"), "lfs_pointer");
  EXPECT_EQ(symbol("<!doctype html>"), "html_page");
  EXPECT_EQ(symbol("{\"a\":"), "json_syntax");
  const MemoryFile file("config.json", "{\"a\": [1, 2]}");
  EXPECT_EQ(write(parse_file(file)), "{\"a\": [1, 2]}");
  const ScopedLimit twelve(Limit::json_bytes, 12);
  EXPECT_EQ(symbol_of(caught([&] { parse_file(file); })), "json_size");
  const Error renamed = caught([] { parse_file(MemoryFile("f", "x"), {.file = "model/f"}); });
  EXPECT_EQ(renamed.file, "model/f");
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_EQ(find_invalid_utf8(""), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("abcdefgh\xc3\xa9 \xe2\x80\xa8 \xf4\x8f\xbf\xbf"), std::nullopt);
  const std::string_view bad[] = {
      "\x80",         "\xc0\xaf",         "\xc1\xbf",         "\xe0\x9f\xbf",
      "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
      "\xc3",         "\xe2\x80",         "\xf0\x9f\x98",     "\xc3("};
  for (const std::string_view sequence : bad)
    EXPECT_EQ(find_invalid_utf8("0123456789" + std::string(sequence)), 10u) << printable(sequence);
}

TEST(MistakenFile, IsNamed) {
  const auto sniff = [](std::string_view text) {
    return sniff_mistaken_file(std::as_bytes(std::span(text)));
  };
  EXPECT_EQ(sniff(""), &codes::empty_file);
  EXPECT_EQ(sniff("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
            &codes::lfs_pointer);
  EXPECT_EQ(sniff("\r\n  <!DOCTYPE HTML><html>"), &codes::html_page);
  EXPECT_EQ(sniff("\xEF\xBB\xBF<Html lang=en>"), &codes::html_page);
  EXPECT_EQ(sniff("{\"version\": \"https://git-lfs.github.com/spec/v1\"}"), nullptr);
  EXPECT_EQ(sniff("   "), nullptr);
}

}  // namespace
}  // namespace recast::json

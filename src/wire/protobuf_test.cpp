#include "wire/protobuf.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "wire/caught.h"
#include "wire/json.h"

namespace recast::protobuf {
namespace {

std::span<const std::byte> as_span(std::string_view text) { return std::as_bytes(std::span(text)); }
Message open(std::string_view text) { return Message(as_span(text), {.file = "m.pb"}); }

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out += static_cast<char>(value);
}
std::string tag(uint64_t number, unsigned type) { return varint(number << 3 | type); }
std::string delimited(uint64_t number, std::string_view bytes) {
  return tag(number, 2).append(varint(bytes.size())).append(bytes);
}
std::string raw(auto value) {
  std::string out(sizeof(value), '\0');
  std::memcpy(out.data(), &value, sizeof(value));
  return out;
}

// Bytes of the examples of protobuf's page "Encoding".
TEST(Protobuf, ReadsTheExamplesOfTheSpecification) {
  Message a = open("\x08\x96\x01");
  ASSERT_TRUE(a.next());
  EXPECT_EQ(a.number(), 1u);
  EXPECT_EQ(a.as_int32(), 150);
  EXPECT_FALSE(a.next());

  Message b = open("\x12\x07testing");
  ASSERT_TRUE(b.next());
  EXPECT_EQ(b.number(), 2u);
  EXPECT_EQ(b.text(), "testing");

  Message c = open("\x1a\x03\x08\x96\x01");
  ASSERT_TRUE(c.next());
  Message inner = c.message();
  ASSERT_TRUE(inner.next());
  EXPECT_EQ(inner.as_uint64(), 150u);
  EXPECT_EQ(inner.offset(), 2u);

  Message d = open("\x32\x06\x03\x8e\x02\x9e\xa7\x05");
  ASSERT_TRUE(d.next());
  std::vector<int64_t> numbers;
  d.append_to(numbers);
  EXPECT_EQ(numbers, (std::vector<int64_t>{3, 270, 86942}));
}

TEST(Protobuf, ReadsEveryKindOfValue) {
  const std::string text = tag(1, 0) + varint(static_cast<uint64_t>(-2)) + tag(2, 5) + raw(1.5f) +
                           tag(3, 1) + raw(-2.25) + tag(4, 0) + varint(3) + tag(5, 0) + varint(1) +
                           tag(536870911, 0) + varint(UINT64_MAX) + tag(7, 0) + varint(0xFFFFFFFE) +
                           delimited(8, "");
  Message in = open(text);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.as_int64(), -2);
  EXPECT_EQ(in.as_int32(), -2);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.as_float(), 1.5f);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.as_double(), -2.25);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.as_sint64(), -2);
  ASSERT_TRUE(in.next());
  EXPECT_TRUE(in.as_bool());
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.number(), 536870911u);
  EXPECT_EQ(in.as_uint64(), UINT64_MAX);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.as_int32(), -2);  // written with 32 bits
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.type(), WireType::bytes);
  EXPECT_TRUE(in.bytes().empty());
  EXPECT_FALSE(in.next());
}

TEST(Protobuf, AppendsPackedAndSingleItemsAlike) {
  const std::string text = tag(1, 0) + varint(7) + delimited(1, varint(8) + varint(300)) +
                           tag(2, 5) + raw(1.0f) + delimited(2, raw(2.0f) + raw(3.0f)) + tag(3, 1) +
                           raw(1.0) + delimited(3, raw(2.0)) + delimited(3, "");
  std::vector<int64_t> whole;
  std::vector<float> floats;
  std::vector<double> doubles;
  for (Message in = open(text); in.next();) {
    if (in.number() == 1) in.append_to(whole);
    if (in.number() == 2) in.append_to(floats);
    if (in.number() == 3) in.append_to(doubles);
  }
  EXPECT_EQ(whole, (std::vector<int64_t>{7, 8, 300}));
  EXPECT_EQ(floats, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(doubles, (std::vector<double>{1, 2}));
}

TEST(Protobuf, RefusesByNameAndOffset) {
  struct Row {
    std::string text;
    std::string_view symbol, word;
  };
  const Row rows[] = {
      {"\x80", "truncated", "varint"},
      {tag(1, 0), "truncated", "field 1"},
      {tag(1, 0) + "\xff\xff", "truncated", "offset 0 "},
      {tag(1, 5) + "abc", "truncated", "3 bytes"},
      {tag(9, 1) + "abcdefg", "truncated", "field 9"},
      {delimited(1, "ab") + tag(1, 2) + varint(5) + "abcd", "protobuf_length", "length 5"},
      {tag(1, 2) + varint(5) + "abcd", "protobuf_length", "truncated"},
      {tag(1, 2) + varint(UINT64_MAX) + "abcd", "protobuf_length", "18446744073709551615"},
      {tag(1, 0) + std::string(10, '\xff') + '\x01', "protobuf_varint", "varint"},
      {tag(1, 0) + std::string(9, '\xff') + '\x02', "protobuf_varint", "64 bits"},
      {std::string(11, '\x80'), "protobuf_varint", "offset 0 "},
      {std::string("\0\0", 2), "protobuf_field", "field number"},
      {varint(uint64_t{1} << 32), "protobuf_field", "536870912"},
      {tag(1, 3), "protobuf_field", "a group"},
      {tag(1, 4), "protobuf_field", "a group"},
      {tag(1, 6), "protobuf_field", "wire type"},
      {tag(1, 7), "protobuf_field", "7"},
  };
  for (const Row& row : rows) {
    const Error error = caught([&] {
      for (Message in = open(row.text); in.next();) {
      }
    });
    EXPECT_EQ(symbol_of(error), row.symbol) << printable(row.text);
    EXPECT_NE(all_text(error).find(row.word), std::string::npos) << all_text(error);
    EXPECT_EQ(error.file, "m.pb");
  }
}

TEST(Protobuf, RefusesAValueOfAnotherType) {
  const auto symbol = [](std::string_view text, auto read) {
    return symbol_of(caught([&] {
      Message in = open(text);
      in.next();
      read(in);
    }));
  };
  const std::string number = tag(1, 0) + varint(uint64_t{1} << 32), bytes = delimited(1, "abc");
  std::vector<float> floats;
  std::vector<int64_t> whole;
  EXPECT_EQ(symbol(number, [](Message& in) { in.as_int32(); }), "protobuf_varint");
  EXPECT_EQ(symbol(number, [](Message& in) { in.as_float(); }), "protobuf_field");
  EXPECT_EQ(symbol(number, [](Message& in) { in.as_double(); }), "protobuf_field");
  EXPECT_EQ(symbol(number, [](Message& in) { in.text(); }), "protobuf_field");
  EXPECT_EQ(symbol(number, [](Message& in) { in.message(); }), "protobuf_field");
  EXPECT_EQ(symbol(bytes, [](Message& in) { in.as_uint64(); }), "protobuf_field");
  EXPECT_EQ(symbol(bytes, [&](Message& in) { in.append_to(floats); }), "protobuf_length");
  EXPECT_EQ(symbol(number, [&](Message& in) { in.append_to(floats); }), "protobuf_field");
  EXPECT_EQ(symbol(tag(1, 5) + "abcd", [&](Message& in) { in.append_to(whole); }),
            "protobuf_field");
  EXPECT_EQ(symbol(delimited(1, "\x01\x80"), [&](Message& in) { in.append_to(whole); }),
            "truncated");
}

TEST(Protobuf, LimitsTheDepth) {
  std::string text;
  for (int i = 0; i < 150; ++i) text = delimited(1, text);
  int levels = 0;
  const Error error = caught([&] {
    Message in = open(text);
    for (; in.next(); ++levels) in = in.message();
  });
  EXPECT_EQ(symbol_of(error), "protobuf_depth");
  EXPECT_EQ(levels, 100);
}

void visit(Message in) {
  std::vector<int64_t> numbers;
  while (in.next()) {
    if (in.type() == WireType::varint) in.as_sint64();
    if (in.number() == 1) in.append_to(numbers);
    if (in.number() == 2) visit(in.message());
  }
}

TEST(Protobuf, SurvivesEveryChangedByteAndEveryTruncation) {
  const std::string good = tag(1, 0) + varint(5) + delimited(1, varint(8) + varint(300)) +
                           delimited(2, delimited(3, "text") + tag(4, 5) + raw(1.0f)) + tag(5, 1) +
                           raw(1.0);
  int accepted = 0, refused = 0;
  const auto attempt = [&](std::string_view text) {
    ++(caught([&] { visit(open(text)); }).code ? refused : accepted);
  };
  for (size_t i = 0; i < good.size(); ++i) {
    attempt(std::string_view(good).substr(0, i));
    std::string changed = good;
    for (int byte = 0; byte < 256; ++byte) {
      changed[i] = static_cast<char>(byte);
      attempt(changed);
    }
  }
  std::mt19937 random(1);
  for (int i = 0; i < 100000; ++i) {
    std::string noise(random() % 24, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    attempt(noise);
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

// The pieces and scores of a SentencePiece model, against the tokenizer.json that another library
// made of it.
TEST(Protobuf, ReadsARealSentencePieceModel) {
  const char* shared = std::getenv("RECAST_SHARED");
  if (!shared) GTEST_SKIP() << "RECAST_SHARED is not set";
  const std::string folder = std::string(shared) + "/refs/tokenizers/albert/";
  const auto file = open_file(folder + "spiece.model");
  const json::Value tokenizer = json::parse_file(*open_file(folder + "tokenizer.json"));
  const json::Array& vocab = *tokenizer.find("model")->find("vocab")->as_array();
  const Window window = file->window(0, file->size());
  size_t count = 0;
  for (Message in(window.bytes(), {.file = file->name()}); in.next();) {
    if (in.number() != 1) continue;
    ASSERT_LT(count, vocab.size());
    std::string_view text;
    float score = 0;
    for (Message piece = in.message(); piece.next();) {
      if (piece.number() == 1) text = piece.text();
      if (piece.number() == 2) score = piece.as_float();
    }
    const json::Array& row = *vocab[count++].as_array();
    EXPECT_EQ(*row[0].as_string(), text);
    EXPECT_EQ(static_cast<float>(row[1].as_double().value()), score);
  }
  EXPECT_EQ(count, vocab.size());
  std::cout << count << " pieces equal\n";
}

}  // namespace
}  // namespace recast::protobuf

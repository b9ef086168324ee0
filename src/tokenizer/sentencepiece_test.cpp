#include "tokenizer/sentencepiece.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"

namespace recast {
namespace {

SentencePieceModel small_model() {
  SentencePieceModel model;
  model.pieces = {{"<unk>", 0, TokenType::unknown},      {"<s>", 0, TokenType::control},
                  {"</s>", 0, TokenType::control},       {"<0x0A>", 0, TokenType::byte},
                  {"\u2581a", -1.5f, TokenType::normal}, {"a", -2, TokenType::user_defined}};
  model.algorithm = SentencePieceModel::Algorithm::bpe;
  model.byte_fallback = true;
  model.add_dummy_prefix = false;
  model.pad_id = -1;
  return model;
}

const ErrorCode* code_of(const std::string& bytes) {
  try {
    parse_sentencepiece(std::as_bytes(std::span(bytes)), "m.model");
  } catch (const Error& error) {
    EXPECT_EQ(error.file, "m.model");
    return error.code;
  }
  return nullptr;
}
const ErrorCode* code_of(const SentencePieceModel& model) {
  return code_of(write_sentencepiece(model));
}

TEST(SentencePiece, WrittenModelReadsBackTheSame) {
  const SentencePieceModel model = small_model();
  const std::string bytes = write_sentencepiece(model);
  EXPECT_TRUE(looks_like_sentencepiece(std::as_bytes(std::span(bytes))));
  const auto back = parse_sentencepiece(std::as_bytes(std::span(bytes)), "m.model");
  ASSERT_EQ(back.pieces.size(), model.pieces.size());
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    EXPECT_EQ(back.pieces[i].text, model.pieces[i].text);
    EXPECT_EQ(back.pieces[i].score, model.pieces[i].score);
    EXPECT_EQ(back.pieces[i].type, model.pieces[i].type);
  }
  EXPECT_EQ(back.algorithm, model.algorithm);
  EXPECT_TRUE(back.byte_fallback);
  EXPECT_FALSE(back.add_dummy_prefix);
  EXPECT_EQ(back.pad_id, -1);
}

TEST(SentencePiece, AbsentFieldsHaveTheDefaultsOfTheProtobuf) {
  // One piece "a" of type unknown, written by hand: 0A 05 | 0A 01 61 | 18 02.
  const std::string bytes = {0x0A, 5, 0x0A, 1, 'a', 0x18, 2};
  const auto model = parse_sentencepiece(std::as_bytes(std::span(bytes)), "m");
  EXPECT_EQ(model.algorithm, SentencePieceModel::Algorithm::unigram);
  EXPECT_EQ(model.eos_id, 2);
  EXPECT_EQ(model.pad_id, -1);
  EXPECT_TRUE(model.add_dummy_prefix && model.remove_extra_whitespaces);
}

TEST(SentencePiece, EveryCutIsRefused) {
  const std::string bytes = write_sentencepiece(small_model());
  const size_t first_piece = 2 + static_cast<uint8_t>(bytes[1]);
  for (size_t n = 1; n < first_piece; ++n) EXPECT_NE(code_of(bytes.substr(0, n)), nullptr) << n;
  EXPECT_EQ(code_of(std::string()), &codes::empty_file);
}

TEST(SentencePiece, LengthPastTheEndIsRefused) {
  EXPECT_EQ(code_of(std::string("\x0A\x80\x80\x80\x80\x80\x20"
                                "a")),
            &codes::protobuf_length);
}

TEST(SentencePiece, WrongPiecesAreRefused) {
  auto model = small_model();
  model.pieces[0].type = TokenType::control;
  EXPECT_EQ(code_of(model), &codes::unk_missing);
  model = small_model();
  model.pieces[5].text = model.pieces[4].text;
  EXPECT_EQ(code_of(model), &codes::piece_twice);
  model = small_model();
  model.pieces[4].score = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code_of(model), &codes::piece_score);
  model = small_model();
  model.pieces[4].text = "\xFF\xFE";
  EXPECT_EQ(code_of(model), &codes::piece_utf8);
  model = small_model();
  model.pieces[3].text = "<0x-1>";
  EXPECT_EQ(code_of(model), &codes::byte_token);
  model = small_model();
  model.pieces[4].type = static_cast<TokenType>(9);
  EXPECT_EQ(code_of(model), &codes::sentencepiece_wire);
}

TEST(SentencePiece, CharsmapMustHoldItsTrie) {
  auto model = small_model();
  model.precompiled_charsmap = {0xFF, 0xFF, 0xFF, 0x7F, 'a', 'b', 'c', 'd'};
  EXPECT_EQ(code_of(model), &codes::charsmap_broken);
  model.precompiled_charsmap = {4, 0, 0, 0, 1, 2, 3, 4, 'x', 0};
  EXPECT_EQ(code_of(model), nullptr);
  model.precompiled_charsmap.pop_back();  // the text has no end
  EXPECT_EQ(code_of(model), &codes::charsmap_broken);
  model.precompiled_charsmap = {1, 0};
  EXPECT_EQ(code_of(model), &codes::charsmap_broken);
}

TEST(SentencePiece, BytePiecesAreSpelledExactly) {
  for (int byte = 0; byte < 256; ++byte)
    EXPECT_EQ(byte_of_piece(piece_of_byte(static_cast<uint8_t>(byte))), byte);
  for (const char* text : {"<0x-1>", "<0xff>", "<0x1>", "<0x100>", "0x00", ""})
    EXPECT_EQ(byte_of_piece(text), -1) << text;
}

}  // namespace
}  // namespace recast

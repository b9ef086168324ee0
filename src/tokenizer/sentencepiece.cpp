#include "tokenizer/sentencepiece.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "base/error.h"
#include "wire/protobuf.h"
#include "wire/utf8.h"

// ModelProto      1 pieces (repeated), 2 trainer_spec, 3 normalizer_spec
// SentencePiece   1 piece, 2 score (float32), 3 type (1 normal when absent)
// TrainerSpec     3 model_type, 4 vocab_size, 24 treat_whitespace_as_suffix, 35 byte_fallback,
//                 40..43 ids of unk bos eos pad, 45..48 their pieces
// NormalizerSpec  1 name, 2 precompiled_charsmap, 3 add_dummy_prefix, 4 remove_extra_whitespaces,
//                 5 escape_whitespaces
// Source: google/sentencepiece, src/sentencepiece_model.proto.
namespace recast {

namespace {

std::string piece_where(size_t id) { return fmt::format("piece {}", id); }

using protobuf::Message;

// A protobuf enum or id; a value beyond the range of its field is refused, not cut.
int32_t number_of(const Message& in, int32_t least, int32_t most) {
  const int32_t value = in.as_int32();
  if (value < least || value > most)
    in.fail(codes::sentencepiece_wire,
            {.expected = fmt::format("{} to {}", least, most), .found = std::to_string(value)});
  return value;
}

Token read_piece(Message in) {
  Token piece;
  while (in.next()) {
    if (in.number() == 1) piece.text = in.text();
    if (in.number() == 2) piece.score = in.as_float();
    if (in.number() == 3) piece.type = static_cast<TokenType>(number_of(in, 1, 6));
  }
  return piece;
}

void read_trainer(Message in, SentencePieceModel& model) {
  using Algorithm = SentencePieceModel::Algorithm;
  constexpr int32_t top = std::numeric_limits<int32_t>::max();
  while (in.next()) {
    switch (in.number()) {
      case 3:
        model.algorithm = static_cast<Algorithm>(number_of(in, 1, 4));
        break;
      case 24:
        model.whitespace_as_suffix = in.as_bool();
        break;
      case 35:
        model.byte_fallback = in.as_bool();
        break;
      case 40:
        model.unk_id = number_of(in, 0, top);
        break;
      case 41:
        model.bos_id = number_of(in, -1, top);
        break;
      case 42:
        model.eos_id = number_of(in, -1, top);
        break;
      case 43:
        model.pad_id = number_of(in, -1, top);
        break;
      case 45:
        model.unk_piece = in.text();
        break;
      case 46:
        model.bos_piece = in.text();
        break;
      case 47:
        model.eos_piece = in.text();
        break;
      case 48:
        model.pad_piece = in.text();
        break;
      default:
        break;
    }
  }
}

void read_normalizer(Message in, SentencePieceModel& model) {
  while (in.next()) {
    switch (in.number()) {
      case 1:
        model.normalizer = in.text();
        break;
      case 2:
        model.precompiled_charsmap.assign(
            reinterpret_cast<const uint8_t*>(in.bytes().data()),
            reinterpret_cast<const uint8_t*>(in.bytes().data()) + in.bytes().size());
        break;
      case 3:
        model.add_dummy_prefix = in.as_bool();
        break;
      case 4:
        model.remove_extra_whitespaces = in.as_bool();
        break;
      case 5:
        model.escape_whitespaces = in.as_bool();
        break;
      default:
        break;
    }
  }
}

void check_pieces(const std::vector<Token>& pieces, const std::string& file) {
  std::unordered_set<std::string_view> seen;
  bool unknown = false;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const Token& piece = pieces[id];
    const auto facts = [&](std::string expected) {
      return ErrorFacts{.where = piece_where(id),
                        .expected = std::move(expected),
                        .found = fmt::format("\"{}\"", printable(piece.text)),
                        .file = file};
    };
    if (find_invalid_utf8(piece.text)) fail(codes::piece_utf8, facts("valid UTF-8"));
    if (!std::isfinite(piece.score)) fail(codes::piece_score, facts("a finite score"));
    if (!seen.insert(piece.text).second) fail(codes::piece_twice, facts("a piece of its own"));
    if (piece.type == TokenType::byte && byte_of_piece(piece.text) < 0)
      fail(codes::byte_token, facts("<0x00> to <0xFF>"));
    unknown = unknown || piece.type == TokenType::unknown;
  }
  if (!unknown)
    fail(codes::unk_missing, {.where = "pieces", .expected = "one of type unknown", .file = file});
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void put_number(std::string& out, uint64_t field, int64_t value) {
  put_varint(out, field << 3);
  put_varint(out, static_cast<uint64_t>(value));
}
void put_bytes(std::string& out, uint64_t field, std::string_view bytes) {
  put_varint(out, field << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}
void put_float(std::string& out, uint64_t field, float value) {
  put_varint(out, field << 3 | 5);
  const auto bits = std::bit_cast<uint32_t>(value);
  out.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
}

}  // namespace

bool looks_like_sentencepiece(std::span<const std::byte> bytes) {
  return !bytes.empty() && bytes[0] == std::byte{0x0A};
}

SentencePieceModel parse_sentencepiece(std::span<const std::byte> bytes, const std::string& file) {
  if (bytes.empty()) fail(codes::empty_file, {.file = file});
  SentencePieceModel model;
  for (Message in(bytes, {.file = file}); in.next();) {
    if (in.number() == 1) model.pieces.push_back(read_piece(in.message()));
    if (in.number() == 2) read_trainer(in.message(), model);
    if (in.number() == 3) read_normalizer(in.message(), model);
  }
  check_pieces(model.pieces, file);
  if (!model.precompiled_charsmap.empty()) check_charsmap(model.precompiled_charsmap, file);
  return model;
}

std::string write_sentencepiece(const SentencePieceModel& model) {
  std::string out;
  for (const Token& piece : model.pieces) {
    std::string message;
    put_bytes(message, 1, piece.text);
    put_float(message, 2, piece.score);
    put_number(message, 3, static_cast<int64_t>(piece.type));
    put_bytes(out, 1, message);
  }
  std::string trainer;
  put_number(trainer, 3, static_cast<int64_t>(model.algorithm));
  put_number(trainer, 4, static_cast<int64_t>(model.pieces.size()));
  put_number(trainer, 24, model.whitespace_as_suffix);
  put_number(trainer, 35, model.byte_fallback);
  const int32_t ids[] = {model.unk_id, model.bos_id, model.eos_id, model.pad_id};
  const std::string_view pieces[] = {model.unk_piece, model.bos_piece, model.eos_piece,
                                     model.pad_piece};
  for (uint64_t i = 0; i < 4; ++i) put_number(trainer, 40 + i, ids[i]);
  for (uint64_t i = 0; i < 4; ++i) put_bytes(trainer, 45 + i, pieces[i]);
  put_bytes(out, 2, trainer);

  std::string normalizer;
  put_bytes(normalizer, 1, model.normalizer);
  put_bytes(normalizer, 2,
            {reinterpret_cast<const char*>(model.precompiled_charsmap.data()),
             model.precompiled_charsmap.size()});
  put_number(normalizer, 3, model.add_dummy_prefix);
  put_number(normalizer, 4, model.remove_extra_whitespaces);
  put_number(normalizer, 5, model.escape_whitespaces);
  put_bytes(out, 3, normalizer);
  return out;
}

int byte_of_piece(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  int value = 0;
  for (const char c : text.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::string piece_of_byte(uint8_t byte) { return fmt::format("<0x{:02X}>", byte); }

void check_charsmap(std::span<const uint8_t> charsmap, const std::string& file) {
  uint32_t trie_bytes = 0;
  if (charsmap.size() >= sizeof(trie_bytes))
    std::memcpy(&trie_bytes, charsmap.data(), sizeof(trie_bytes));
  const uint64_t left = charsmap.size() - std::min(charsmap.size(), sizeof(trie_bytes));
  // The trie is an array of 32-bit units; texts follow, each ended by a NUL.
  const bool fits = trie_bytes >= 4 && trie_bytes % 4 == 0 && trie_bytes < left;
  if (fits && charsmap.back() == 0) return;
  fail(codes::charsmap_broken,
       {.where = "precompiled_charsmap",
        .expected = "a trie of whole units inside the blob and texts ended by NUL behind it",
        .found = fmt::format("a trie of {} bytes in a blob of {}", trie_bytes, charsmap.size()),
        .file = file});
}

}  // namespace recast

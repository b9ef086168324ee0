#include "tokenizer/sentencepiece.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "base/error.h"
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

// One field of a message: a number for varints and fixed-width values, else a view.
struct Field {
  uint64_t number = 0;
  uint64_t value = 0;
  std::string_view bytes;
};

// Walks the fields of one protobuf message and checks every length against what is left.
class MessageCursor {
 public:
  MessageCursor(std::string_view message, uint64_t base_offset, const std::string& file)
      : message_(message), base_(base_offset), file_(file) {}

  std::optional<Field> next() {
    if (position_ == message_.size()) return std::nullopt;
    const uint64_t key = varint();
    Field field{.number = key >> 3};
    switch (key & 7) {
      case 0: field.value = varint(); break;
      case 1: field.value = fixed<uint64_t>(); break;
      case 2: field.bytes = take(varint(), "piece or text by its length"); break;
      case 5: field.value = fixed<uint32_t>(); break;
      default:
        fail(codes::sentencepiece_wire, {.where = offset_where(base_ + position_),
                                         .expected = "a protobuf field",
                                         .found = fmt::format("wire type {}", key & 7),
                                         .file = file_});
    }
    return field;
  }
  // Absolute offset of a view that next() gave.
  uint64_t offset_of(std::string_view view) const {
    return base_ + static_cast<uint64_t>(view.data() - message_.data());
  }

 private:
  std::string_view take(uint64_t n, std::string_view what) {
    const uint64_t left = message_.size() - position_;
    if (n > left)
      fail(codes::truncated, {.where = offset_where(base_ + position_),
                              .expected = fmt::format("{} bytes of {}", n, what),
                              .found = fmt::format("{} bytes", left),
                              .file = file_});
    const std::string_view view = message_.substr(position_, n);
    position_ += n;
    return view;
  }
  template <class T>
  T fixed() {
    T value;
    std::memcpy(&value, take(sizeof(T), "number").data(), sizeof(T));
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(take(1, "number")[0]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail(codes::sentencepiece_wire, {.where = offset_where(base_ + position_),
                                     .expected = "a number of at most 10 bytes",
                                     .file = file_});
  }

  std::string_view message_;
  uint64_t base_;
  const std::string& file_;
  size_t position_ = 0;
};

std::string piece_where(size_t id) { return fmt::format("piece {}", id); }

Token read_piece(MessageCursor cursor, size_t id, const std::string& file) {
  Token piece;
  while (const auto field = cursor.next()) {
    if (field->number == 1) piece.text = field->bytes;
    if (field->number == 2)
      piece.score = std::bit_cast<float>(static_cast<uint32_t>(field->value));
    if (field->number != 3) continue;
    if (field->value < 1 || field->value > 6)
      fail(codes::sentencepiece_wire, {.where = piece_where(id),
                                       .expected = "a piece type from 1 to 6",
                                       .found = std::to_string(field->value),
                                       .file = file});
    piece.type = static_cast<TokenType>(field->value);
  }
  return piece;
}

void read_trainer(MessageCursor cursor, SentencePieceModel& model, const std::string& file) {
  while (const auto field = cursor.next()) {
    const auto number = static_cast<int32_t>(field->value);
    switch (field->number) {
      case 3:
        if (field->value < 1 || field->value > 4)
          fail(codes::sentencepiece_wire, {.where = "trainer_spec.model_type",
                                           .expected = "1 to 4",
                                           .found = std::to_string(field->value),
                                           .file = file});
        model.algorithm = static_cast<SentencePieceModel::Algorithm>(number);
        break;
      case 24: model.whitespace_as_suffix = number != 0; break;
      case 35: model.byte_fallback = number != 0; break;
      case 40: model.unk_id = number; break;
      case 41: model.bos_id = number; break;
      case 42: model.eos_id = number; break;
      case 43: model.pad_id = number; break;
      case 45: model.unk_piece = field->bytes; break;
      case 46: model.bos_piece = field->bytes; break;
      case 47: model.eos_piece = field->bytes; break;
      case 48: model.pad_piece = field->bytes; break;
      default: break;
    }
  }
}

void read_normalizer(MessageCursor cursor, SentencePieceModel& model) {
  while (const auto field = cursor.next()) {
    switch (field->number) {
      case 1: model.normalizer = field->bytes; break;
      case 2: model.precompiled_charsmap.assign(field->bytes.begin(), field->bytes.end()); break;
      case 3: model.add_dummy_prefix = field->value != 0; break;
      case 4: model.remove_extra_whitespaces = field->value != 0; break;
      case 5: model.escape_whitespaces = field->value != 0; break;
      default: break;
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
  MessageCursor cursor({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, 0, file);
  while (const auto field = cursor.next()) {
    const MessageCursor inner(field->bytes, cursor.offset_of(field->bytes), file);
    if (field->number == 1) model.pieces.push_back(read_piece(inner, model.pieces.size(), file));
    if (field->number == 2) read_trainer(inner, model, file);
    if (field->number == 3) read_normalizer(inner, model);
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

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace recast {

// What a sentencepiece model says about tokenizing; training options are not kept. Defaults are
// those of the protobuf: an absent field has them. Source: sentencepiece_model.proto (proto2).
struct SentencePieceModel {
  std::vector<Token> pieces;  // index is the id; space is U+2581

  // trainer_spec
  enum class Algorithm : int32_t { unigram = 1, bpe = 2, word = 3, character = 4 };
  Algorithm algorithm = Algorithm::unigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  int32_t unk_id = 0, bos_id = 1, eos_id = 2, pad_id = -1;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";

  // normalizer_spec
  std::string normalizer = "identity";
  std::vector<uint8_t> precompiled_charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

// Whether the bytes begin as a sentencepiece model does; a tokenizer.model may also be a text file
// of tiktoken ranks.
bool looks_like_sentencepiece(std::span<const std::byte> bytes);

// Reads a model and checks it: pieces unique and UTF-8, scores finite, one unknown piece, byte
// pieces spelled right, a charsmap whose trie lies inside it. Throws kind corrupt: what
// protobuf::Message throws, empty_file, sentencepiece_wire, piece_twice, piece_utf8, piece_score,
// unk_missing, byte_token, charsmap_broken; each names `file`.
SentencePieceModel parse_sentencepiece(std::span<const std::byte> bytes, const std::string& file);

// The model as a protobuf that sentencepiece loads.
std::string write_sentencepiece(const SentencePieceModel& model);

// The byte of a piece spelled <0x00> to <0xFF>, -1 for any other text.
int byte_of_piece(std::string_view text);
std::string piece_of_byte(uint8_t byte);

// Throws charsmap_broken unless the blob is a little-endian u32 trie size (a multiple of 4, at
// least one unit of the trie), the trie and the replacement texts behind it, ended by a NUL.
void check_charsmap(std::span<const uint8_t> charsmap, const std::string& file);

}  // namespace recast

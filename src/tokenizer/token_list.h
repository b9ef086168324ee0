#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/sentencepiece.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/vocabulary.h"

namespace recast {

// Tokens by id while several files contribute; a hole is an id that no file has named yet.
class TokenList {
 public:
  // Puts the token, over whatever the id held before. Requires: 0 <= id < max_token_id().
  void put(int64_t id, Token token);
  bool has(int64_t id) const;
  const Token& at(int64_t id) const { return *slots_[static_cast<size_t>(id)]; }
  int64_t size() const { return std::ssize(slots_); }

  // The finished list of `rows` tokens (0: as many as there are): holes and further rows become
  // unused tokens "[PADi]" of score `pad_score`, or a longer name where a token has that one.
  // Requires: rows == 0 or rows >= size().
  std::vector<Token> finish(int64_t rows, float pad_score) const;

 private:
  std::vector<std::optional<Token>> slots_;
};

// Pieces with their scores and types. User-defined pieces count as normal, as the runtimes of GGUF
// expect of what added_tokens do not name.
void put_pieces(const SentencePieceModel& model, TokenList& tokens);
// The ids that fairseq models (XLM-RoBERTa) give to the pieces: <s> <pad> </s> <unk>, then the
// pieces behind the first three, then <mask>.
void put_fairseq_pieces(const SentencePieceModel& model, TokenList& tokens);

// Added tokens over sentencepiece pieces: control when special or spelled like one, else
// user-defined with U+2581 as a blank; score -1000.
void put_added(const AddedToken& token, TokenList& tokens);

// The tokens of a tokenizer.json, each kind in the form of GGUF.
void put_byte_bpe(const TokenizerJson& json, TokenList& tokens);
void put_wordpiece(const TokenizerJson& json, TokenList& tokens);  // "##a" -> "a", "a" -> "▁a"
void put_unigram(const TokenizerJson& json, TokenList& tokens);
void put_sentencepiece_bpe(const TokenizerJson& json, TokenList& tokens);  // scores from merges

// Merges as "left right", with U+0120 for a blank inside a part.
std::vector<std::string> merge_lines(const TokenizerJson& json);

}  // namespace recast

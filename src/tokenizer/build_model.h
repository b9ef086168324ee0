#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizer/sentencepiece.h"
#include "tokenizer/vocabulary.h"
#include "wire/json.h"

namespace recast {

// A vocabulary of GGUF on its way back to tokenizer files: texts as those files spell them.
struct FileTokens {
  // One for each id, without the unused "[PADi]" at the end. Sentencepiece kinds have U+2581 again
  // where GGUF has blanks; WordPiece has "##" again.
  std::vector<Token> tokens;
  std::optional<uint32_t> unknown;  // id of the unknown token
  bool space_prefix = false;        // sentencepiece kinds: a blank is put in front of the text
};
FileTokens file_tokens(const Vocabulary& vocabulary);

// The protobuf of a sentencepiece kind. Requires: kind llama or t5.
SentencePieceModel build_sentencepiece(const Vocabulary& vocabulary, const FileTokens& files);

// tokenizer.json. Requires: kind llama, gpt2, bert or t5; for gpt2 a `pre` with buildable stages.
json::Value build_tokenizer_json(const Vocabulary& vocabulary, const FileTokens& files);

// The entries of added_tokens: every token that is found in the text before the model runs.
json::Array build_added_tokens(const Vocabulary& vocabulary, const FileTokens& files);

// The merge list that makes byte pair encoding by ranks give what sentencepiece gives by scores:
// for each piece every split into two pieces, in order of the score of the piece. Only normal
// pieces take part.
std::vector<std::pair<std::string, std::string>> merges_of_pieces(const std::vector<Token>& pieces);

// Whether bos and eos are put around a text: the flag, else what the runtime does without it.
bool adds_bos(const Vocabulary& vocabulary);
bool adds_eos(const Vocabulary& vocabulary);

}  // namespace recast

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/sentencepiece.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/vocabulary.h"
#include "wire/json.h"

// What the keys of GGUF do not say of tokenizer files: normalizer, post-processor, decoder, flags
// of added tokens, settings of sentencepiece, tokenizer_config.json. It travels as one JSON text,
// and the files come back from it and the keys together.
//
//   vocabulary             XXH3-128 of the keys it was made with
//   tokenizer.json         rest: the file without vocab and merges, added tokens without what is
//                          usual
//                          vocab: absent [[first id, count]], but [[id, text] or [id, text, score]]
//                          merges: only where they are not those of the keys
//   tokenizer.model        settings of a sentencepiece file; count; first_id: of piece 0;
//                          but [[piece, text, score, type]]
//   tokenizer_config.json  true in the place of templates and added tokens that stand elsewhere
//   special_tokens_map.json, added_tokens.json   whole
//   templates              names of additional_chat_templates as the folder spells them
//   vocab.txt              true when there was one
namespace recast {

// The files of one tokenizer; null for what the folder lacks.
struct TokenizerFiles {
  const TokenizerJson* tokenizer_json = nullptr;
  const SentencePieceModel* sentencepiece = nullptr;
  std::string_view sentencepiece_name;
  uint32_t first_id = 0;  // of piece 0; 1 for fairseq models, whose first pieces are others then
  const json::Value* tokenizer_config = nullptr;
  const json::Value* special_tokens_map = nullptr;
  const json::Value* added_tokens = nullptr;
  bool vocab_txt = false;
  std::vector<std::string> templates;  // names, in the order of named_templates
};

// Null when there is nothing to say. Requires: the vocabulary was made from these files.
json::Value tokenizer_remainder(const Vocabulary& vocabulary, const TokenizerFiles& files);

// Whether the keys are still those that the remainder was made with. Another program may have
// edited them, and then they are the truth.
bool remainder_belongs(const json::Value& remainder, const Vocabulary& vocabulary);

struct NewFile {
  std::string name;  // within the model's folder
  std::string bytes;
};
// The files again: JSON equal in value, sentencepiece equal in what it does. Requires:
// remainder_belongs(). Throws tokenizer_field, naming `file`, for a remainder that is damaged.
std::vector<NewFile> restore_tokenizer_files(const json::Value& remainder,
                                             const Vocabulary& vocabulary, const std::string& file);

// The names of additional templates as they were spelled, one for each of named_templates; empty
// when they are not known.
std::vector<std::string> template_names(const json::Value& remainder, const Vocabulary& vocabulary);

}  // namespace recast

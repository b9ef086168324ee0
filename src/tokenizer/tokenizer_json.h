#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "wire/json.h"

namespace recast {

// A token that is found in the text before the model runs. Its id may lie inside the vocabulary.
struct AddedToken {
  int64_t id = 0;
  std::string content;
  bool special = false;    // left out when decoding without specials
  bool normalized = true;  // matched after the normalizer, not before
  bool lstrip = false, rstrip = false, single_word = false;
};

enum class TokenizerModel { bpe, unigram, wordpiece, wordlevel };

// A tokenizer.json as data. Ids are indices into `vocab`; a hole is empty.
struct TokenizerJson {
  TokenizerModel model = TokenizerModel::bpe;
  std::vector<std::optional<std::string>> vocab;
  std::vector<float> scores;                                // Unigram, one for each of vocab
  std::vector<std::pair<std::string, std::string>> merges;  // BPE, in rank order
  std::vector<AddedToken> added;                            // in order of the file
  std::optional<int64_t> unk_id;
  std::string unk_token;
  std::string subword_prefix;  // "##" of WordPiece
  bool byte_fallback = false;
  bool ignore_merges = false;

  // The parts as they are in the file; null when absent.
  json::Value normalizer, pre_tokenizer, post_processor, decoder;
  // The whole file without the members above that grow with the vocabulary: model.merges and
  // model.vocab, but for a Unigram with a score that no float32 holds.
  json::Value rest;

  // Id of an added token's text.
  std::optional<int64_t> added_id(std::string_view content) const;
};

// Reads the parsed file and checks it: ids from 0 to 16 million, each once; merges are pairs of
// known tokens that make a known one; finite scores. The model type may be missing (files of 2020)
// and is then told by shape. Throws token_id_range, token_id_twice, merge_form, merge_unknown,
// piece_score, tokenizer_field (corrupt) and tokenizer_model (unsupported); each names `file`.
TokenizerJson parse_tokenizer_json(json::Value root, const std::string& file);

// Whether the normalizer or the pre-tokenizer puts a blank in front of the text.
bool prepends_space(const TokenizerJson& json);
// The bytes of the Precompiled normalizer; empty when there is none. Throws charsmap_broken.
std::string charsmap_of(const json::Value& normalizer, const std::string& file = "tokenizer.json");

// Largest id that any tokenizer file may use, exclusive; at most 2^31 - 1.
inline int64_t max_token_id() { return static_cast<int64_t>(limit(Limit::token_ids)); }
// The same for a file that names so many tokens: ids have holes, but a few names with ids in the
// millions would only cost memory.
inline int64_t id_limit(int64_t tokens) {
  const int64_t most = max_token_id();
  const auto spare = static_cast<int64_t>(limit(Limit::spare_token_ids));
  return tokens > most ? most : std::min(most, spare + 16 * tokens);
}
// Throws token_id_range unless 0 <= id < id_limit(tokens); `found` is how the file spells it.
int64_t check_token_id(const json::Value& id, std::string_view token, const std::string& file,
                       int64_t tokens);

// Reads one object of added_tokens or of added_tokens_decoder, of a file that names so many tokens.
// Requires the content; the id is 0 when the object has none.
AddedToken read_added_token(const json::Value& value, const std::string& file, int64_t tokens);

}  // namespace recast

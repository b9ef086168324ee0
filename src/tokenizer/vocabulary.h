#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "io/file.h"
#include "wire/json.h"

namespace recast {

// How text becomes pieces. The spelling in GGUF is vocabulary_kind_name().
enum class VocabularyKind { none, sentencepiece_bpe, byte_bpe, wordpiece, unigram, rwkv };
std::string_view vocabulary_kind_name(VocabularyKind kind);  // "none" "llama" "gpt2" "bert" "t5" "rwkv"
std::optional<VocabularyKind> vocabulary_kind(std::string_view name);

// Numbers are those of sentencepiece and of GGUF.
enum class TokenType : int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct Token {
  std::string text;  // UTF-8; byte-level BPE in its printable alphabet
  float score = 0;
  TokenType type = TokenType::normal;
};

// A tokenizer as data: what a GGUF holds and what tokenizer files can be rebuilt from. No code runs.
struct Vocabulary {
  VocabularyKind kind = VocabularyKind::none;
  std::string pre;                  // pre-tokenizer name of GGUF; "default" where the kind ignores it
  std::vector<Token> tokens;        // index is the id
  bool has_scores = false;
  std::vector<std::string> merges;  // "left right", in rank order

  // Special ids by role, in the order they are written: bos eos unk sep pad mask eot eom fim_*.
  // Roles are the names of GGUF without "tokenizer.ggml." and "_token_id" ("bos", "unknown",
  // "seperator", "padding").
  std::vector<std::pair<std::string, uint32_t>> special_ids;
  std::vector<uint32_t> eos_ids;    // all stop ids when the source has a list
  // Flags by GGUF name: add_bos_token, add_eos_token, add_sep_token, add_space_prefix,
  // remove_extra_whitespaces, normalizer.lowercase, ...; absent is not the same as false.
  std::vector<std::pair<std::string, bool>> flags;
  std::vector<uint8_t> precompiled_charsmap;
  std::optional<uint32_t> token_type_count;

  std::optional<std::string> chat_template;                             // text, never run
  std::vector<std::pair<std::string, std::string>> named_templates;     // name, text

  std::optional<uint32_t> special_id(std::string_view role) const;
  std::optional<bool> flag(std::string_view name) const;
};

}  // namespace recast

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/vocabulary.h"
#include "wire/json.h"

namespace recast {

// The files that say which tokens are special. Null: the model has no such file.
struct SpecialTokenSources {
  const TokenizerJson* tokenizer_json = nullptr;
  const SentencePieceModel* sentencepiece = nullptr;
  const json::Value* tokenizer_config = nullptr;
  const json::Value* config = nullptr;  // with its text_config where it has one
  const json::Value* generation_config = nullptr;
  std::string_view model_type;
  // To blame.
  std::string config_file = "config.json";
  std::string generation_file = "generation_config.json";
};

// Fills special_ids, eos_ids, flags, precompiled_charsmap and token_type_count, in the order in
// which GGUF files have them. What is no id of the vocabulary is left out with the warning
// special_id_range. Requires: kind and tokens are set. Rules: tokenizer_config and post-processor
// first, config for what they leave open, the family's fixed values for the rest. Where config or
// generation_config say another bos or eos, `assumptions` gets which one counts.
void set_special_tokens(const SpecialTokenSources& sources, Vocabulary& vocabulary,
                        std::vector<Finding>& warnings, std::vector<std::string>& assumptions);

}  // namespace recast

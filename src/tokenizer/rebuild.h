#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "tokenizer/remainder.h"
#include "tokenizer/vocabulary.h"

namespace recast {

// The tokenizer files of a Hugging Face folder from the tokenizer of a GGUF: tokenizer.json,
// tokenizer_config.json, special_tokens_map.json, chat templates, for the sentencepiece kinds the
// protobuf and for WordPiece vocab.txt. Kinds llama, gpt2, bert and t5; for another kind, or a
// pre-tokenizer name whose stages no tokenizer.json can hold, only the templates and the warning
// not_rebuilt.
// Where `remainder` (tokenizer_remainder(), else null) belongs to the vocabulary, the files are
// those that it was made from. Only one more: tokenizer.json, where there was a sentencepiece file
// alone.
std::vector<NewFile> rebuild_tokenizer_files(const Vocabulary& vocabulary,
                                             std::string_view model_type,
                                             const json::Value& remainder,
                                             std::vector<Finding>& warnings);

}  // namespace recast

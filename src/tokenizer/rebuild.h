#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tokenizer/vocabulary.h"

namespace recast {

struct NewFile {
  std::string name;  // within the model's folder
  std::string bytes;
};

// The tokenizer files of a Hugging Face folder from the tokenizer of a GGUF: tokenizer.json,
// tokenizer_config.json, special_tokens_map.json, chat templates, and for the sentencepiece kinds
// the protobuf too. Kinds llama, gpt2, bert and t5; for another kind, or a pre-tokenizer name whose
// stages no tokenizer.json can hold, only the templates and the warning not_rebuilt.
std::vector<NewFile> rebuild_tokenizer_files(const Vocabulary& vocabulary,
                                             std::string_view model_type,
                                             std::vector<Finding>& warnings);

}  // namespace recast

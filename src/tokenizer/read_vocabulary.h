#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/vocabulary.h"
#include "wire/json.h"

namespace recast {

struct TokenizerInput {
  FindFile find;                        // opens a file of the model's folder
  const json::Value* config = nullptr;  // config.json; null when there is none
  std::string model_type;               // of the text part: "llama", "gemma3_text" ...
  int64_t embedding_rows = 0;           // 0: unknown; vocab_size of the config is then taken
  std::string pre_override;             // --pre NAME
  std::vector<std::string> template_files;  // "additional_chat_templates/NAME.jinja"
};

struct VocabularyResult {
  Vocabulary vocabulary;
  std::vector<Finding> warnings;
  std::vector<std::string> assumptions;  // which of several ids that the files name counts
  std::vector<std::string> files_used;  // names as given to `find`
  json::Value remainder;                // tokenizer_remainder() of these files
};

// The tokenizer of a model folder in the form of GGUF. The content of the files decides the kind: a
// sentencepiece model first, then tokenizer.json, then plainer files. Empty when the folder has no
// tokenizer file at all. Rows of the embedding beyond the tokens become unused tokens "[PADi]";
// fewer rows than tokens are vocab_rows. Throws what the readers of the files throw, pre_unknown,
// and tokenizer_target for a tokenizer that GGUF has no kind for.
std::optional<VocabularyResult> read_vocabulary(const TokenizerInput& input);

}  // namespace recast

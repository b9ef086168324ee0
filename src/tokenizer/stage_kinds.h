#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "tokenizer/tokenizer_json.h"

namespace recast {

// Stages of a tokenizer.json (normalizer, pre_tokenizer, post_processor, decoder and the parts of
// their sequences) whose kind the tokenizers library does not have: each a warning tokenizer_stage.
void warn_of_unknown_stages(const TokenizerJson& tokenizer, const std::string& file,
                            std::vector<Finding>& warnings);

}  // namespace recast

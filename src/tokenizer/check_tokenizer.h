#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/file.h"

namespace recast {

// Whether the file begins as a tokenizer.json or a sentencepiece model does.
bool probe_tokenizer(const File& file);

// What `validate` checks of a bare tokenizer file: the readers' checks, that every regular
// expression of a tokenizer.json compiles and is not easily driven into endless backtracking
// (warning regex_slow), and that its stages are of known kinds (warning tokenizer_stage). Patterns
// run on a short text under a step limit here and nowhere else.
// Throws like parse_tokenizer_json and parse_sentencepiece, and tokenizer_regex (corrupt).
std::vector<Finding> check_tokenizer(const File& file);

}  // namespace recast

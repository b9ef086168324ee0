#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/metadata.h"
#include "tokenizer/vocabulary.h"

namespace recast {

// Adds the tokenizer.* keys of GGUF in the order and with the types that llama.cpp's converter
// writes: model, pre, tokens, scores, token_type, merges, ids, flags, charsmap, chat templates.
// Stop lists (eos_ids) have no key. Kind none writes tokenizer.ggml.model "none" alone.
void write_tokenizer_keys(const Vocabulary& vocabulary, Metadata& metadata);

// The tokenizer of a GGUF; empty when it holds none (no tokens, or model "none"). A special id
// outside the vocabulary is left out with the warning special_id_range; the ids are kept in file
// order. Throws gguf_scores, gguf_token_types, byte_token, merge_form, gguf_tokenizer_key (corrupt)
// and tokenizer_model (unsupported) for a kind that is not known; each names `file`.
std::optional<Vocabulary> read_tokenizer_keys(const Metadata& metadata, const std::string& file,
                                              std::vector<Finding>* warnings = nullptr);

}  // namespace recast

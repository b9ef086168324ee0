#pragma once

#include <string>

#include "model/checkpoint.h"

namespace recast::gguf {

// What a loader divides by or counts with, compared with the tensors: head_count 0 beside attention
// tensors, more blocks than tensors, counts that are no numbers. Throws gguf_metadata_value with
// the key; a missing architecture and text that is not UTF-8 are warnings of the checkpoint.
void check_metadata(Checkpoint& checkpoint, const std::string& file);

// A token for each row of token_embd, as loaders ask for. Throws vocab_rows where rows are missing;
// rows to spare are a warning of the checkpoint. Requires: checkpoint.vocabulary has been read.
void check_vocabulary_rows(Checkpoint& checkpoint, const std::string& file);

}  // namespace recast::gguf

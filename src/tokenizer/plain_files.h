#pragma once

#include <string>
#include <string_view>

#include "tokenizer/tokenizer_json.h"
#include "wire/json.h"

namespace recast {

// Tokenizer files older or plainer than tokenizer.json, read into the same structure. None of them
// but tekken.json says how text is split: pre_tokenizer stays null. Each throws like
// parse_tokenizer_json, and tokenizer_lines (corrupt) for a malformed line, naming `file`.

// vocab.json {token: id} and merges.txt: an optional first line "#version", then "left right".
TokenizerJson read_vocab_and_merges(json::Value vocab, std::string_view merges,
                                    const std::string& file, const std::string& merges_file);
// vocab.txt of WordPiece: the line number is the id.
TokenizerJson read_vocab_txt(std::string_view text, const std::string& file);
// Token ranks of tiktoken: "BASE64 RANK" a line; the rank is the id. Merges are derived.
TokenizerJson read_tiktoken(std::string_view text, const std::string& file);
// tekken.json of mistral-common: special tokens first, then ranks up to default_vocab_size; its
// pattern becomes the pre_tokenizer.
TokenizerJson read_tekken(const json::Value& root, const std::string& file);

}  // namespace recast

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convert/request.h"
#include "tokenizer/read_vocabulary.h"

// Where a conversion takes the tokenizer from: the source, or --tokenizer PATH.
namespace recast {

// The tokenizer in the form of GGUF; empty with --no-tokenizer, and where a fake is made from a
// config alone. Throws no_tokenizer when there is none to be found otherwise.
std::optional<VocabularyResult> read_tokenizer(const Request& request, const Checkpoint& source,
                                               const json::Value& config,
                                               const std::string& model_type, int64_t rows);

// What GGUF keys do not say of the tokenizer, as the key remainder_key. A text too long for
// readers of GGUF stays behind and is named in `dropped`.
inline constexpr std::string_view remainder_key = "src.hf.tokenizer";
void carry_tokenizer(const VocabularyResult& tokenizer, Metadata& metadata,
                     std::vector<std::string>& dropped);

// The tokenizer files of a folder target, from the vocabulary of a container or --tokenizer.
std::vector<SideFile> rebuild_tokenizer(const Request& request, const Checkpoint& source,
                                        const std::string& model_type,
                                        std::vector<Finding>& warnings);

// Puts the files of --tokenizer in the place of the source's.
void replace_tokenizer_files(const Request& request, std::vector<SideFile>& files);
bool is_tokenizer_file(std::string_view name);

// Removes tokenizer.* and says "none" instead.
void drop_tokenizer_keys(Metadata& metadata);

}  // namespace recast

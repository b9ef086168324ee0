#pragma once

#include <string_view>

#include "convert/assemble.h"

// Pooling of an embedding model: how the vectors of the tokens become one. A folder says it in the
// modules of the sentence-transformers library (modules.json, 1_Pooling/config.json), a GGUF in the
// key ARCHITECTURE.pooling_type. What follows in the folder, such as Normalize, has no key and
// travels in modules_key.
namespace recast {

inline constexpr std::string_view modules_key = "src.hf.modules";

// Whether the file is read here: modules.json, the configs of modules and of the library.
bool is_module_config(std::string_view name);

// The key of a GGUF from the side files of a folder, which is left alone when there are none. A
// kind of pooling that GGUF has no number for is named among what is dropped.
void carry_pooling(const Checkpoint& source, std::string_view architecture, bool preserve,
                   Target& target);

// The files of a folder from the keys of a GGUF. The key wins over what was carried.
void restore_modules(const Checkpoint& source, const ModelFacts& model, Target& target);

}  // namespace recast

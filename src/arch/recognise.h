#pragma once

#include <string>

#include "arch/architecture.h"

namespace recast {

struct Recognition {
  const Architecture* arch = nullptr;  // null: none known
  std::string evidence;                // "config.json: architectures[0] = LlamaForCausalLM"
  std::string found;                   // the name that is not known
};

// Which family a checkpoint is of, in the order of R-008: `model_type` (--model-type), own
// provenance, config.json, GGUF keys, tensor names. Never guesses: a name that is stated and unknown
// is not overruled by weaker evidence.
Recognition recognise(const Checkpoint& source, std::string_view model_type);

// The same, but throws unknown_architecture with the nearest family and its share of matching tensor
// names. `file` is blamed.
Recognition require_architecture(const Checkpoint& source, std::string_view model_type);

// The member of a config of several modalities that describes the language model; null when the
// config is that of a language model itself. And the config of the language part alone: the member
// with what the outer level says for it; any other config as it is.
const json::Value* language_member(const json::Value& config);
json::Value language_config(const json::Value& config);

// A family by model_type, alias or class name, any letter case; null when unknown.
const Architecture* find_architecture(std::string_view name);

}  // namespace recast

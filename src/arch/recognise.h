#pragma once

#include <string>
#include <vector>

#include "arch/architecture.h"

namespace recast {

struct Recognition {
  const Architecture* arch = nullptr;  // null: none known
  std::string evidence;                // "config.json: architectures[0] = LlamaForCausalLM"
  std::string found;                   // the name that is not known
  bool by_names = false;               // nothing states a name: the tensors' names and shapes tell
  // Families that these fit, when it is not one.
  std::vector<const Architecture*> candidates;
};

// Which family a checkpoint is of, in the order of R-008: `model_type` (--model-type), own
// provenance, config.json, GGUF keys, tensor names. Never guesses: a name that is stated and
// unknown is not overruled by weaker evidence; names of tensors count where no name is stated, and
// only when all are explained, none is missing, the shapes agree and no other family does as well.
Recognition recognise(const Checkpoint& source, std::string_view model_type);

// The same, but throws ambiguous_architecture with the candidates, or unknown_architecture with the
// nearest family and its share of matching tensor names.
Recognition require_architecture(const Checkpoint& source, std::string_view model_type);

// Throws family_contradicts when `architectures` and `model_type` name two families that are known:
// transformers follows the latter, llama.cpp the former. A warning where both are one to GGUF
// (llama and mistral).
void require_one_family(const json::Value& config, const std::string& file,
                        std::vector<Finding>& warnings);

// Whether anything but names and shapes of tensors says what a checkpoint is: a config of its own,
// or the keys of an architecture in a GGUF.
bool has_own_facts(const Checkpoint& source);

// A partial config completed with what names and shapes of the tensors tell.
struct CompletedConfig {
  json::Value config;
  std::vector<std::string> derived;  // "num_hidden_layers 4"
};
CompletedConfig complete_by_shapes(const Architecture& arch, const Checkpoint& source,
                                   const json::Value& stated);

// Throws facts_missing with every key that has to be stated for a checkpoint without own facts.
void require_stated_facts(const Recognition& known, const CompletedConfig& config,
                          const std::string& file);

// The member of a config of several modalities that describes the language model; null when the
// config is that of a language model itself. And the config of the language part alone: the member
// with what the outer level says for it; any other config as it is.
const json::Value* language_member(const json::Value& config);
json::Value language_config(const json::Value& config);

// A family by model_type, alias or class name, any letter case; null when unknown.
const Architecture* find_architecture(std::string_view name);

}  // namespace recast

#pragma once

#include "arch/architecture.h"

namespace recast {

// Reads the facts of a family out of a Hugging Face config, in any spelling, with the class defaults
// for what is absent. `file` is blamed. Throws config_key_missing with every missing key,
// config_value for a value of the wrong type or range.
ModelFacts facts_from_config(const Architecture& arch, const json::Value& config,
                             const std::string& file, std::vector<Finding>& warnings);

// The same from the metadata and tensors of a GGUF; rotary factors are read from their tensors.
// A partial HF config laid over it wins. Throws config_key_missing, metadata_value.
ModelFacts facts_from_gguf(const Architecture& arch, const Checkpoint& source,
                           const json::Value& overlay, std::vector<Finding>& warnings);

// The ARCH.* keys of a GGUF.
Metadata gguf_metadata(const ModelFacts& model);

// A complete config.json: every key of the family written explicitly, sorted; `dtype` is the
// spelling of torch ("bfloat16"). Token ids come from the vocabulary when there is one.
json::Value config_from_facts(const ModelFacts& model, std::string_view dtype,
                              const Vocabulary* vocabulary);

// A source's own config with every default written explicitly, and the tie flag and dtype set.
json::Value complete_config(json::Value config, const ModelFacts& model, std::string_view dtype);

// Config features that llama.cpp ignores or refuses, each a warning with its name.
void warn_of_runtime(const ModelFacts& model, const json::Value& config, const std::string& file,
                     std::vector<Finding>& warnings);

// Keys of a config that the way back from its GGUF would leave out or give another value, so that
// they have to travel with it. `gguf` has the metadata and tensors of that file.
std::vector<std::string> keys_lost_in_gguf(const ModelFacts& model, const json::Value& config,
                                           const Checkpoint& gguf);

// What travelled with a GGUF and may be read as facts: without the members that the keys of the file
// say themselves.
json::Value beyond_gguf(json::Value carried, const Architecture& arch);
// A config made from a GGUF with what travelled laid over it, but for members that contradict its
// keys: another program may have edited those since.
json::Value with_carried(const json::Value& config, const json::Value& carried,
                         const ModelFacts& model, const std::string& file);

// Config keys that the family's table does not know: those that map to nothing in a GGUF.
std::vector<std::string> unmapped_config_keys(const Architecture& arch, const json::Value& config);

// What a GGUF of the family cannot say: config keys whose class default is taken on the way back, as
// "KEY = DEFAULT"; and what its runtimes ignore or refuse, as "KEY: WHAT".
std::vector<std::string> lost_in_gguf(const Architecture& arch);
std::vector<std::string> limits_in_gguf(const Architecture& arch);

// The row of a fact; null when the family has none. The key as the source spells it.
const KeyRow* find_key(const Architecture& arch, Fact fact);
std::string key_spelling(const Architecture& arch, Fact fact, Convention convention);

// Config keys that nothing here knows, one warning for all: they may change what the model computes.
// Also those that a family's class has and its tables do not carry, with another value than usual.
void warn_of_unknown_keys(const Architecture& arch, const json::Value& config,
                          const std::string& file, std::vector<Finding>& warnings);

}  // namespace recast

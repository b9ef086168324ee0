#pragma once

#include <string>
#include <utility>
#include <vector>

#include "arch/architecture.h"
#include "convert/request.h"

// Metadata that has no place of its own in the target travels as src.FORMAT.KEY and comes back from
// there. Values of a config are kept as JSON text, so their spelling survives.
namespace recast {

// config.json and generation_config.json members that the way back from `gguf` would not give:
// src.hf.KEY in its metadata.
void carry_config(const json::Value& config, const ModelFacts& model, const Checkpoint& source,
                  Checkpoint& gguf, std::vector<std::string>& kept);
// The members that carry_config stored, as an object; empty when there are none.
json::Value restore_config(const Checkpoint& source);
// The same without what contradicts the file: members of another family, of several modalities or
// of a quantization, rotary scaling that its keys and tensors do not say. Each is a warning
// not_carried; code of another repository in auto_map is the warning auto_map. Throws json_syntax,
// and what the facts of the family refuse.
json::Value believed_config(const Checkpoint& source, const Architecture& arch,
                            std::vector<Finding>& warnings);
// The generation config that was stored, else one with the special ids of the vocabulary.
json::Value restore_generation_config(const Checkpoint& source, const Vocabulary* vocabulary);

// Keys of a GGUF behind "ARCH." or "tokenizer." that no fact of the family and no vocabulary holds,
// in file order. Requires: the facts are those of `source`.
std::vector<std::string> unread_gguf_keys(const Checkpoint& source, const ModelFacts& model);
// Whether a runtime may compute something else without such a key.
bool may_change_results(const Architecture& arch, std::string_view key, const MetaValue& value);
// GGUF keys that neither config nor tokenizer files say: src.gguf.KEY = {"type": .., "value": ..};
// behind "ARCH." and "tokenizer." those of `unread`.
void carry_gguf_keys(const Checkpoint& source, const Architecture& arch,
                     const std::vector<std::string>& unread, Metadata& metadata);
// Puts such keys back into a GGUF. They win over what was derived for general.*; the keys of the
// architecture and of the tokenizer that are there already stay, with the warning not_carried.
void restore_gguf_keys(const Checkpoint& source, Metadata& metadata,
                       std::vector<Finding>& warnings);

// The options that act on bytes, as they were understood and in the order of their table: however
// they are spelled and ordered, the same conversion gives the same document.
json::Value acting_options(const Request& request);

// recast.* keys: version, source, fingerprint of its headers, options that act on bytes. No times,
// threads, memory or paths, so the same command gives the same bytes.
void add_provenance(const Request& request, const Checkpoint& source, const Architecture* arch,
                    Metadata& metadata);
// XXH3-128 over names, types, shapes and places of all tensors and over the config.
std::string header_fingerprint(const Checkpoint& source);

// KEY=VALUE texts as pairs.
std::vector<std::pair<std::string, std::string>> override_pairs(
    const std::vector<std::string>& texts);

// Front matter of the source's README.md, null when there is none.
json::Value read_card(const Checkpoint& source, std::vector<Finding>& warnings);

}  // namespace recast

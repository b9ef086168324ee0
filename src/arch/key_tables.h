#pragma once

#include "arch/architecture.h"

// What the readers and writers of a family's key rows share.
namespace recast {

// Facts that rope.cpp reads and writes, which knows every spelling.
bool is_rope_fact(Fact fact);

// Whether a row's GGUF column speaks of the tensors: "?NAME", "!NAME", "#NAME:AXIS".
bool is_tensor_rule(std::string_view gguf);

// A member by its path: "attn_config.clip_qkv" is one of an object inside the config.
const json::Value* member(const json::Value& config, std::string_view path);
void set_member(json::Value& config, std::string_view path, json::Value value);

// The first spelling of a row that the config has with a value; null counts as absent unless the key
// may be null.
const json::Value* spelled(const json::Value& config, const KeyRow& row);

// The first spelling of a row that the config has as null.
std::optional<std::string_view> null_spelling(const json::Value& config, const KeyRow& row);

// Whether rotary scaling of this name has a meaning here: rope_type of config.json.
bool is_rope_type(std::string_view name);

// Whether a finite f32 holds a constant; with `positive`, as a number above 0.
bool fits_f32(double value, bool positive);

// The facts of a config that may be incomplete, to try what follows from them: what is absent and
// has no default stays unset, nothing is checked against anything else, rotary scaling is left out.
ModelFacts trial_facts(const Architecture& arch, const json::Value& config);

}  // namespace recast

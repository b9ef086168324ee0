#pragma once

#include "arch/architecture.h"

// What one description of rotary scaling says about itself, before its numbers are read. `object`
// is the name of the member that holds it: rope_parameters or rope_scaling.
namespace recast {

// The kind of scaling by `rope_type` or `type`, old names as new ones ("su" is longrope, "mrope"
// has the usual frequencies); nullopt when neither says one. Throws config_value for a value that is no
// text, and for two that differ: programs disagree which of them counts.
std::optional<std::string> rope_type_of(const json::Object& members, const Architecture& arch,
                                        const std::string& file);

// Throws config_value when rope_parameters and rope_scaling describe two scalings: transformers
// takes the latter, llama.cpp the former.
void check_rope_objects(const json::Value& parameters, const json::Value& scaling,
                        const Architecture& arch, const std::string& file);

// Members that scale although no kind is named (the usual one is taken), and members that nothing
// here knows, which travel on. Requires: model.rope has been read from `members`.
void warn_of_rope_members(const json::Object& members, std::string_view object,
                          const ModelFacts& model, const std::string& file,
                          std::vector<Finding>& warnings);

}  // namespace recast

#pragma once

#include <utility>
#include <vector>

#include "arch/architecture.h"

// Position scaling of rotary embeddings in every spelling.
namespace recast {

// Reads rope_parameters, or rope_theta + rope_scaling (`type` or `rope_type`; "su" is longrope), into
// model.rope, Fact::rope_theta and Fact::partial_rotary. Two bases that disagree are a warning, and
// so are members that are not known. Throws config_value and config_key_missing for two kinds or
// factors, a factor that is missing or not above 0, and values of the wrong type.
void read_rope_config(const json::Value& config, const std::string& file, ModelFacts& model,
                      std::vector<Finding>& warnings);
// Both spellings: rope_parameters, and rope_theta with rope_scaling.
void write_rope_config(const ModelFacts& model, json::Value& config);

// TYPE:FACTOR of --rope-scaling: linear, dynamic or yarn with a factor above 1, laid over what the
// model says; the context it was trained with becomes the original one. Throws bad_value, and
// unsupported for longrope, whose factors no single number gives.
void set_rope_scaling(std::string_view text, ModelFacts& model);

// The rope.* keys of GGUF, and back. `tensors` are the checkpoint's, for the factor tensors.
void write_rope_metadata(const ModelFacts& model, const std::string& prefix, Metadata& metadata);
void read_rope_metadata(const Checkpoint& source, const std::string& prefix, ModelFacts& model,
                        std::vector<Finding>& warnings);

// Factors that a GGUF holds as f32 tensors: rope_freqs for llama3, long and short for longrope.
std::vector<std::pair<Role, std::vector<float>>> rope_tensors(const ModelFacts& model);

}  // namespace recast

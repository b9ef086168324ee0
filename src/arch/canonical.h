#pragma once

#include <map>
#include <string>
#include <vector>

#include "arch/native.h"

// From native names to roles and back: what makes N readers and N writers meet.
namespace recast {

// Beginnings of HF names, blank separated: those that wrap the language part of a model of several
// modalities, or the whole of it (DistributedDataParallel, torch.compile), and those of other parts.
extern const std::string_view text_wrappers, other_parts;

// A tensor of the model, in the canonical form of its role: [out, in], rotary halves, parts apart.
struct RoleTensor {
  ValuePtr value;
  std::string source;  // native name it came from
  std::vector<std::string> further_sources;  // of a stack whose entries came one by one
};

struct Canonical {
  ModelFacts model;
  std::map<RoleKey, RoleTensor> tensors;
  struct Dropped {
    std::string name, rule;
  };
  std::vector<Dropped> dropped;      // by a rule with a name
  std::vector<std::string> unknown;  // not carried: a warning
  std::vector<std::string> other_modalities;  // of vision and audio parts: not carried
};

// Gives every native tensor its role. Throws tensor_missing, tensor_twice, tensor_shape and
// config_contradicts, each naming the tensor and the config key as the source spells it; up to two
// further problems of the same sort are in Error::more.
Canonical to_canonical(const Checkpoint& source, ModelFacts model,
                       std::vector<Finding>& warnings);

// Whether a name begins with a word of a blank-separated list.
bool begins_with_any(std::string_view name, std::string_view list);
// Whether a name of Hugging Face is that of a part for images or sound.
bool is_other_modality(std::string_view name);

// What a convention can hold of a model: roles without a place there go to `dropped`, rows that it
// leaves out are zero.
Canonical held_by(Canonical canonical, Convention convention);

// Tensors of a convention, in the order of the table: model, layers, head. Adds what the convention
// keeps as tensors and the other as config (rope factors).
struct NativeTensor {
  Tensor tensor;
  std::vector<RoleKey> roles;  // more than one where the convention fuses or stacks
};
std::vector<NativeTensor> from_canonical(const Canonical& canonical, Convention convention);

}  // namespace recast

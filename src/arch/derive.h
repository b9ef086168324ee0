#pragma once

#include <string>
#include <vector>

#include "arch/family_names.h"

// What names and shapes of tensors say of a model without a config: whether it can be of a family,
// and which config keys follow from them.
namespace recast {

// How a file fits a family.
struct Fit {
  uint64_t explained = 0;     // tensors whose names the family knows or drops
  bool complete = false;      // every tensor that the family needs is there, none is too many, and
                              // no two shapes contradict each other
  json::Value config;         // keys that names and shapes give, beside the stated ones
  std::vector<std::string> derived;  // "num_hidden_layers 4"
};

// `stated` is a partial config, or null.
Fit fit(const NameCensus& census, const FamilyNames& names, const json::Value& stated);

// Config keys that neither `config` nor a class default gives. Without any config of the model's
// own a class default is no reason to believe that it has the usual head count, rotary base or
// epsilon: these must be stated.
std::vector<std::string> missing_keys(const Architecture& arch, const json::Value& config);

}  // namespace recast

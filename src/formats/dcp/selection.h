#pragma once

#include <string>
#include <vector>

#include "formats/dcp/metadata.h"

// Which entries of a distributed checkpoint are the model. Trainers save {"model": ...,
// "optimizer": ..., "step": ...}, whose keys are joined by dots.
namespace recast::dcp {

struct Selected {
  const Entry* entry;
  std::string name;  // of a tensor of the model: without the keys above it and wrappers; of one of
                     // an optimizer: as it is kept
};
struct Selection {
  std::vector<Selected> weights;    // tensors of the model
  std::vector<Selected> optimizer;  // what optimizers hold, tensors or not
  std::vector<Selected> aside;      // all else, under its whole name
};

// By the rules for state dicts (wire/torch_state_dict.h). Pointers are into `entries`.
Selection select(const std::vector<Entry>& entries);

}  // namespace recast::dcp

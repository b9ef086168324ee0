#pragma once

#include <string>
#include <vector>

#include "formats/shards.h"

namespace recast::hf {

struct Weights {
  ShardSet set;
  std::vector<std::string> ignored;  // safetensors files beside it that do not belong to it
};
// Which files of the folder are the weights: model.safetensors, else model.safetensors.index.json,
// else the one complete set of shards, else the one safetensors file. A pickle beside them is never
// opened. Without them pytorch_model.bin, its index, its shards, or the one file of torch.save,
// also where safetensors files of other names stand beside the usual ones. Throws shard_missing
// when a set is not complete, weights_ambiguous when several would do, weights_not_read when there
// are only weights of other formats, and weights_missing.
Weights choose_weights(const Source& source);

}  // namespace recast::hf

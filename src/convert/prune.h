#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/checkpoint.h"
#include "quantize/importance.h"

// --prune-layers: a model without some of its blocks. Source: what the reference quantizer does.
namespace recast {

// "3,7,20-22" as sorted numbers. Throws bad_value.
std::vector<int64_t> layer_list(std::string_view text);

// Drops the blocks of a GGUF and counts the others anew: names, ARCH.block_count and lists that
// have a value a block. Throws bad_value for a block that is not there or when none would be left.
void prune_layers(Checkpoint& model, const std::vector<int64_t>& pruned);

// The same for the names of an importance matrix.
void prune_layers(Importance& importance, const std::vector<int64_t>& pruned);

}  // namespace recast

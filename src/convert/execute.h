#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "convert/plan.h"

namespace recast {

// What the run of a plan found out.
struct Execution {
  std::vector<Hash128> step_hashes;    // of the bytes written, in order of the steps
  std::vector<FloatCensus> losses;     // one an item
  // Of source tensors that were read once and in order on the way, by item; else empty.
  std::vector<std::optional<Hash128>> source_hashes;
  int64_t resumed_steps = 0;           // taken over from a journal
  double quantize_s = 0, convert_s = 0, save_s = 0;  // busy seconds of all workers
};

// Writes pieces and steps. Refuses values beyond the target's range and non-finite ones that are to
// be quantized, unless the options allow them. Throws `stopped` after the running steps when `stop`
// is requested.
Execution execute(const Plan& plan, Output& output, Progress& progress, std::stop_token stop);

// Hashes of whole items as they stand in the files, in order of the items, after comparing every
// step with what was written. Throws read_back.
std::vector<Hash128> read_back(const Plan& plan, const Execution& execution, const Output& output,
                               Progress& progress);

}  // namespace recast

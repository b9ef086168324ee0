#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "recast/error.h"
#include "recast/progress.h"
#include "wire/json.h"

namespace recast {

struct ReproduceOptions {
  std::string manifest;     // NAME.recast.json, or the recast.json of a folder
  std::string source;       // path of the input; empty: the one that the manifest names
  std::string output;       // folder in which the result stays; empty: it is compared and removed
  int threads = 0;          // 0: every core
  uint64_t memory = 0;      // bytes of anonymous memory; 0: as convert
};

// What came out of a recorded conversion that was done again.
struct Reproduction {
  bool identical = false;
  std::vector<Finding> findings;  // what differs (not_reproduced), then warnings
  json::Value document;           // schema docs/schemas/reproduce.json
};

// Checks that the inputs are those that the manifest records (sizes, hashes of headers and side
// files, XXH3-128 of every tensor; else input_not_recorded), runs the recorded options and compares
// every file and tensor of the result with what is recorded. Throws what convert() throws, and
// manifest_malformed.
Reproduction reproduce(const ReproduceOptions& options, Progress& progress,
                       std::stop_token stop = {});

}  // namespace recast

#pragma once

#include <string>
#include <vector>

#include "convert/execute.h"
#include "convert/folder_form.h"
#include "convert/plan.h"

namespace recast {

// Reserves the files that say what was written: NAME.recast.json beside a file, recast.json inside a
// folder; with --checksum also sums that `sha256sum -c` reads (NAME.sha256, SHA256SUMS). Their sizes
// are fixed now, their content follows when the hashes are known.
void add_manifest(Plan& plan);

// The manifest's account of the source: name, format and its files, with sizes and the XXH3-128 of
// what is in no tensor (side files whole, weight files up to the first tensor). Reads those bytes.
json::Value source_headers(const Plan& plan);

// Facts of the run that only the manifest holds.
struct RunFacts {
  std::string started;  // UTC, ISO 8601
  double seconds = 0;
  uint64_t peak_memory = 0;
};

// Writes them. Requires: every other file is complete and synced. Computes the hashes of source
// tensors that `source_hashes` (by item, see Execution) does not have, and with
// --checksum SHA-256 of every file. Files are called by the names of `sealed`.
void write_manifest(const Plan& plan, const std::vector<Hash128>& item_hashes,
                    const RunFacts& run, const SealedFiles& sealed, Output& output,
                    const std::vector<std::optional<Hash128>>& source_hashes = {});

}  // namespace recast

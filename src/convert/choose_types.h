#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/progress.h"
#include "convert/request.h"

namespace recast {

// The answer of -Q auto: a type for each tensor that no option settles, and how it was found.
struct TypeChoice {
  std::map<std::string, const Codec*, std::less<>> types;  // by name in GGUF
  json::Value report;  // "choice" of docs/schemas/report.json
};

// Packs a sample of every matrix in every type that it may have, and takes the types that lose least
// within --target-size or --target-bpw, none of them beyond --max-rmse; without a size, the
// smallest. The answer depends on source, options and matrix alone. Throws target_unreachable, and
// what assembling throws.
TypeChoice choose_types(const Request& request, const Checkpoint& source, int threads,
                        Progress& progress);

}  // namespace recast

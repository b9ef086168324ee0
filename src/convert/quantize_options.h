#pragma once

#include <string>

#include "convert/request.h"

// The options that say how matrices are packed, beside -Q.
namespace recast {

// A type that a matrix may be stored in; null for "none" or nothing. Throws unknown_type.
const Codec* storable_codec(const std::string& name, std::string_view option);

// The importance matrix that a source holds, GGUF or .dat, checked; `path` is blamed. Throws
// imatrix_file and what reading throws.
Importance read_importance(const std::shared_ptr<const Source>& source, const std::string& path,
                           const ReadOptions& read);

// What --optimization asks of the encoders.
Effort effort_of(const ConvertOptions& options);

// --tensor-type, --imatrix, --include-weights, --exclude-weights: compiled, read and checked, and
// warned about where nothing is packed. Requires: request.quant is settled. Throws bad_value,
// unknown_type, pattern_unused, imatrix_file and what opening throws.
void take_quantization(Request& request);

}  // namespace recast

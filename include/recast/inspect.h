#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "recast/error.h"
#include "recast/progress.h"
#include "wire/json.h"

namespace recast {

struct InspectOptions {
  std::string path;
  std::string from;         // format, when detection is to be overruled
  bool tensors = false;     // list every tensor
  bool full = false;        // metadata arrays whole instead of shortened
  bool stats = false;       // reads weights: minimum, maximum, mean, deviation per tensor
  bool checksum = false;    // SHA-256 of each file
};

// Reads headers only (unless stats or checksum). One document, schema docs/schemas/inspect.json:
// format, evidence, files, architecture, parameters, types, bits per weight, metadata, tokenizer.
json::Value inspect(const InspectOptions& options);

struct ErrorsOptions {
  std::string reference;    // path of A, of any readable form
  std::string compared;     // path of B
  std::string from;         // format of A, when detection is to be overruled
  std::string imatrix;      // importance matrix, GGUF or .dat; empty: none
  int threads = 0;          // 0: every core; changes no number
};

// How far the weights of B are from those of A, tensor by tensor: schema docs/schemas/errors.json.
// Tensors are paired by role where both models fit one architecture, else by name. Reads all
// weights, in pieces, and tells `progress` of more than 256 MiB. Throws other_architecture,
// no_counterpart, imatrix_file, stopped and what opening, recognising and reading roles throw.
json::Value inspect_errors(const ErrorsOptions& options, Progress& progress,
                           std::stop_token stop = {});

struct ValidateOptions {
  std::string path;
  std::string from;
  bool checksum = false;    // compare tensor sums and the manifest's hashes
  std::string manifest;     // file; default NAME.recast.json beside it when there is one
  bool all = false;         // list every tensor, not the first ten
};

// Structure of a model, or of a bare tokenizer.json or sentencepiece model. Never throws on bad
// input: what is wrong is a finding. Throws only file_missing, file_unreadable and the like.
struct Validation {
  bool valid = false;
  std::vector<Finding> findings;   // errors first, then warnings
  json::Value facts;               // schema docs/schemas/validate.json
};
Validation validate(const ValidateOptions& options);

}  // namespace recast

#pragma once

#include <map>

#include "convert/execute.h"
#include "convert/gain.h"
#include "convert/plan.h"
#include "convert/verify.h"

namespace recast {

// The document of a plan (schema docs/schemas/report.json): everything that is known before the run.
Report plan_report(const Plan& plan);
// Fingerprints of the inputs and the step table, for a plan that is stored.
void add_plan_table(const Plan& plan, Report& report);

// What the run adds: warnings, times by stage, memory, verification, types and hashes of tensors.
struct RunResult {
  std::map<Stage, double> seconds;  // wall, or busy for stages that stream
  double total_s = 0;
  uint64_t peak_memory = 0;
  Verification verification;
  std::vector<Hash128> tensor_hashes;  // XXH3-128 of each tensor of the output, as it stands there
  int64_t resumed_steps = 0;
  std::vector<std::string> notes;
  Gain gain;
};
void add_run(const Plan& plan, const RunResult& run, const std::vector<Finding>& warnings,
             Report& report);

// The name of the type that holds the most bytes; empty without tensors.
std::string dominant_type(const std::vector<Tensor>& tensors);

// The fields of one error, as --json prints it (schema docs/schemas/error.json).
json::Value error_document(const Error& error);

}  // namespace recast

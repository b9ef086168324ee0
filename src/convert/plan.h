#pragma once

#include <memory>
#include <string>
#include <vector>

#include "convert/assemble.h"
#include "convert/request.h"
#include "io/output.h"

namespace recast {

// One run of bytes of the output: elements [begin, end) of an item, at a fixed place.
struct Step {
  size_t item;
  int64_t begin, end;      // elements
  size_t file;
  uint64_t offset, bytes;  // in the output file
  uint64_t peak_bytes;     // anonymous memory while it runs
};

// What the steps compute: a tensor, or a file that is copied. Zeros have no step: their place stays
// a hole of the file.
struct PlanItem {
  std::string name;
  ValuePtr value;
  size_t file;
  uint64_t offset;
  int tensor;              // index into the target's tensors, -1 for a file
};

struct FolderForm;

// A conversion with every byte placed. Made from headers only; the same request and inputs give the
// same plan.
struct Plan {
  Request request;
  std::shared_ptr<Checkpoint> source;  // keeps the files open
  Target target;
  Layout layout;
  std::vector<PlanItem> items;
  std::vector<Step> steps;
  std::string folder;                  // where the output goes
  std::string name;                    // the main file or the new folder
  bool makes_folders = false;          // those of `folder` that a form asks for
  std::vector<std::string> paths;      // final paths, the main one first
  const FolderForm* form = nullptr;    // --layout; null: plain files
  int first_document = -1;             // in layout.files: what a form adds; -1: nothing
  int manifest_file = -1;              // index into layout.files, -1: none
  std::string fingerprint;             // of inputs, options and version
  uint64_t memory_limit = 0;
  int threads = 1;

  uint64_t output_bytes() const;
  uint64_t hole_bytes() const;         // of them: zeros that nobody writes
  uint64_t peak_bytes() const;         // of the run: `threads` of the largest steps, within the limit
  std::string path_of(size_t file) const;
};

// Resolves, reads, assembles and lays out. Throws every refusal that shows before the first weight.
Plan make_plan(const ConvertOptions& options, Progress& progress);

// Checks of destination, disk and memory; throws the first refusal.
OutputOptions output_options(const Plan& plan);

// Bytes of a step of plain data, and of the slab that a worker reads, computes and writes at once.
inline constexpr uint64_t step_bytes = uint64_t{32} << 20;
inline constexpr uint64_t slab_bytes = uint64_t{1} << 18;

}  // namespace recast

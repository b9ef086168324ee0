#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "recast/error.h"
#include "recast/progress.h"
#include "wire/json.h"

namespace recast {

// Everything `recast convert` can be told. Each field is one option of the command line, with the
// same name (underscores for dashes), value and default; convert/options.h holds the table. Empty
// text means: not given.
struct ConvertOptions {
  std::string source;        // path of a file or folder
  std::string source_name;   // taken for the name of the source, which is else that of its path; no
                             // option of the command line
  std::string output;        // path; a folder (exists or ends in "/") gets the derived name
  std::string to;            // FORMAT[:TYPE]
  std::string from;          // FORMAT
  std::string quant;         // TYPE of matrices
  std::string precision;     // type of the other floats, or of all without `quant`
  double target_bpw = 0;     // with quant "auto": bits a weight of the file, at most; 0: not given
  uint64_t target_size = 0;  // ... bytes of the file, at most
  double max_rmse = 0;       // ... relative RMSE of each packed tensor, at most
  std::string optimization = "balanced";  // "fast", "balanced", "aggressive"
  bool pure = false;         // one type for every matrix, no recipe
  std::string embedding_type, output_type;
  bool leave_output = false;
  std::vector<std::string> tensor_type;    // REGEX=TYPE, or @FILE with one a line; the first counts
  std::string prune_layers;                // "3,7": blocks that are left out
  std::string imatrix;                     // file: how much each column of a matrix counts
  std::vector<std::string> include_weights, exclude_weights;  // regexes: tensors that it speaks of

  std::string model_type;    // --model-type, --as
  std::string model_config;  // JSON file; a partial one is laid over what the source says
  bool text_only = false;    // the language part of a model of several modalities
  std::string tokenizer;     // file or folder
  bool no_tokenizer = false;
  std::string pre;           // pre-tokenizer name of GGUF
  int64_t context_length = 0;
  std::string rope_scaling;  // TYPE:FACTOR
  bool preserve_metadata = true;
  bool keep_optimizer = false;             // tensors of optimizers travel too
  std::vector<std::string> metadata;       // KEY=VALUE
  std::vector<std::string> format_option;  // FORMAT.KEY=VALUE

  bool fake_weight = false;  // weights made from the config alone
  std::string fake_weight_mode = "zero";   // or "random"
  std::string fake_weight_config;          // JSON or YAML file: tensor name to shape
  uint64_t seed = 0;         // of every random choice

  std::string split;         // METHOD:N, tensors:N or size:SIZE (GGUF)
  uint64_t split_max_size = 0;
  uint64_t shard_size = 5'000'000'000;     // bytes a safetensors shard may have

  int threads = 0;           // 0: every core
  uint64_t memory = 0;       // bytes of anonymous memory; 0: a quarter of RAM or of the cgroup limit

  std::string device = "auto";  // "cpu", "cuda", "mps": where computing methods run
  int max_retries = 3;       // of a call that a file system answers with EAGAIN or ESTALE
  bool modelfile = false;    // an Ollama Modelfile beside the GGUF
  std::string layout;        // "lmstudio", "ollama", "oci": the output is that folder form

  bool dry_run = false;
  std::string plan, apply;   // files
  bool force = false, mkdir = false, follow = false, restart = false, resume = false;
  std::optional<uint64_t> journal;         // batch size in bytes; given without a value: 256 MB
  bool skip_disk_check = false;

  bool allow_requantize = false, allow_nonfinite = false;
  bool allow_unsafe_pickle = false;        // tensors of foreign objects by attribute path
  std::string allow_overflow;              // "clamp" or "inf"
  std::string verify = "sample";           // "none", "structure", "sample", "tensors"
  std::string report;        // file that the command line stores the document in
  bool provenance = true, manifest = true;
  bool tensor_sums = false, checksum = false;

  // What was given explicitly, by option name and in order: the plan stores it, provenance records
  // what acts on bytes, and an option without effect is a warning only when it was given.
  std::vector<std::pair<std::string, std::string>> given;
};

// What was planned or done, as one document (schema: docs/schemas/report.json): source, outputs,
// tensors, kept and dropped metadata, assumptions, warnings, stage times, memory, verification.
using Report = json::Value;

// Plans from headers only and writes nothing: exact sizes, peak memory, every refusal at once (the
// first one as Error, the others in Error::more unless options.dry_run, which collects all).
Report plan(const ConvertOptions& options, Progress& progress);

// Plans, writes, syncs, reads back, verifies, renames. On return every output is complete under its
// final name; on an exception no final name changed. `stop` ends after the running steps with
// `cancelled`. Same input, options and version give the same bytes.
// `planned` is told the plan before the first byte is written.
Report convert(const ConvertOptions& options, Progress& progress, std::stop_token stop = {},
               const std::function<void(const Report&)>& planned = {});

}  // namespace recast

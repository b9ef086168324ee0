#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tensor/tensor.h"

namespace recast {

// What a model id ("meta-llama/Llama-2-7b-hf") says. Empty where it says nothing.
struct ModelName {
  std::string full_name;     // the id without its organization
  std::string organization;  // as spelled
  std::string basename;      // "Llama-2"
  std::string size_label;    // "7B", "8x7B", "57B-A14B"
  std::string finetune;      // "Instruct"
  std::string version;       // "v0.1"
  bool operator==(const ModelName&) const = default;
};

struct SplitOptions {
  // Parameters of the model, to tell a size from a context length: 0 unknown, negative for an
  // adapter, which need not reach all layers.
  int64_t parameters = 0;
  // A size that does not fit the parameters: a finetune, as the reference converter has it, or
  // left out (it still proves that the part before it is a basename).
  bool misfit_is_finetune = true;
  // False: a trailing number means nothing, as in folders called checkpoint-500.
  bool versions = true;
};

// Splits an id at '-' and sorts the parts by what they look like. An id with a blank is a plain
// name. Never throws. Equal to get_model_id_components of the gguf package for ASCII ids.
ModelName split_model_id(std::string_view id, const SplitOptions& options = {});

// "hermes-2-pro" -> "Hermes 2 Pro": words that are all small get capitals, versions and words that
// begin with a digit stay. Only ASCII letters change.
std::string title_case(std::string_view id);

// Elements of all tensors as a GGUF file holds them, and how they share out among experts.
struct ParameterCounts {
  uint64_t total = 0;
  uint64_t shared = 0;   // of tensors that are no experts
  uint64_t expert = 0;   // of one expert
  uint64_t experts = 0;  // 0: a dense model
};
// Counts tensors under their GGUF names: experts are the stacked tensors named "..._exps.weight".
ParameterCounts count_parameters(std::span<const Tensor> tensors);
// The same, tensor by tensor.
class ParameterCounter {
 public:
  void add(std::string_view gguf_name, std::span<const int64_t> shape);  // row-major
  ParameterCounts counts() const;

 private:
  ParameterCounts counts_;
  uint64_t stacked_tensors_ = 0;
  uint64_t stacked_experts_ = 0;  // summed over the stacked tensors
};

// Two digits and a unit: 6738415616 -> "6.7B", 999 -> "1.0K".
std::string rounded_count(uint64_t n);
// "6.7B", or "8x7.2B" (one expert plus the shared part). Empty when nothing was counted.
std::string size_label(const ParameterCounts& counts);

// What the name of a GGUF file is made of. Empty parts are left out.
struct GgufFileName {
  std::string sidecar;  // "mmproj", "mtp"
  std::string basename;
  std::string name;  // stands in for a missing basename
  std::string size_label;
  std::string finetune;
  std::string version;
  std::string encoding;  // "q4_k_m"; written in capitals
  std::string kind;      // "LoRA", "vocab"
};
// "Mixtral-8x7B-Instruct-v0.1-Q4_0" without ".gguf" and without a shard number. Always a plain file
// name: no separators, control bytes or leading dots, at most 200 bytes, one encoding.
std::string gguf_file_stem(const GgufFileName& parts);

}  // namespace recast

#pragma once

#include <string>
#include <vector>

#include "arch/architecture.h"
#include "convert/request.h"

namespace recast {

// How one target tensor came about.
struct Origin {
  std::vector<std::string> sources;  // native names
  enum class Kind { copied, converted, quantized } kind = Kind::copied;
};

// What a tensor of the target is packed from.
struct Packing {
  size_t tensor;                // index into the target's tensors
  ValuePtr input;
  ImportanceValues importance;  // may be null
};

// The whole target as a checkpoint in its own convention, every value lazy, nothing read but
// headers; and what the report says of the way there.
struct Target {
  Checkpoint checkpoint;
  std::vector<Origin> origins;            // one a tensor
  std::vector<Packing> packings;
  bool raw_copy = false;                  // same format, nothing asked: the files as they are
  const Architecture* arch = nullptr;     // null: none was needed or known
  std::string arch_evidence;
  json::Value config;                     // the model's config in HF spelling, when known
  std::string stem;                       // "Tiny-Llama-108K-Q8_0": the derived name without extension
  std::string type;                       // "Q8_0", "BF16": for the report and the name
  std::vector<std::string> kept, dropped, assumptions, notes;
  std::vector<std::pair<std::string, std::string>> mapped;
  std::vector<Finding> warnings;
};

// Builds the target. Throws every refusal that headers can show.
Target assemble(const Request& request, const Checkpoint& source);

}  // namespace recast

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arch/architecture.h"
#include "model/checkpoint.h"

// Weights that nobody trained, for a model that is a config alone: to try a tool chain with the
// sizes of a model that is not there.
namespace recast {

// Says in the metadata of an output that its weights are fake: a boolean, or "true" where a format
// holds text only.
inline constexpr std::string_view fake_weights_key = "recast.fake_weights";
bool has_fake_weights(const Metadata& metadata);

struct FakeShape {
  std::string tensor;  // native name
  Shape shape;
};

// A config key that a shape changed.
struct FakeChange {
  Fact fact;
  std::string key;
  int64_t value;
  FakeShape by;
};

struct FakeWeights {
  const Codec* f32 = nullptr;    // of the noise
  const Codec* dtype = nullptr;  // of the tensors
  bool random = false;           // noise that a runtime computes finite numbers from, not zeros
  uint64_t seed = 0;
  std::vector<FakeShape> shapes;
  std::string shapes_file;       // to blame for them
};

// Gives `model` every tensor that its family needs, by its config. A shape that differs from the
// config changes the key behind the extent, and with it what else stands once in the model (the
// head follows the embedding); within layers each tensor of that extent has to be listed. Returns
// what changed. Throws fake_shape_unknown,
// fake_shape_breaks, and what facts_from_config throws. Requires: the model has no tensors.
std::vector<FakeChange> add_fake_weights(Checkpoint& model, const Architecture& arch,
                                         const FakeWeights& fake);

}  // namespace recast

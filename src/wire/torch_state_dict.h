#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/json.h"
#include "wire/torch_file.h"

namespace recast {

struct NamedNode {
  std::string name;
  PickleRef node;
};

// What a file of torch.save holds besides its container: tensors by name, and the rest.
struct StateDict {
  std::vector<NamedNode> tensors;                           // order of the pickle; names are unique
  std::vector<NamedNode> optimizer;  // tensors of optimizers, if asked for; names are unique too
  std::vector<std::pair<std::string, json::Value>> values;  // plain values by their path: epoch ...
  std::vector<Finding> warnings;                            // what is dropped, each with its path
};

// The keys under which trainers put a model, in the order of preference, and how many levels of
// them are gone down.
std::span<const std::string_view> state_dict_keys();
inline constexpr int most_state_dict_levels = 2;
// Takes prefixes of wrappers (module., _orig_mod. ...) off, again and again, that all names share.
void strip_wrapper_prefixes(std::span<std::string* const> names);

struct StateDictOptions {
  bool foreign_objects = false;  // take the tensors of objects of any class by attribute path
  bool keep_optimizer = false;   // also the tensors of optimizers, as wire/torch_optimizer.h says
};

// Finds the weights: the top object, or what stands under the usual keys of trainers (state_dict,
// model, module ...), at most two levels down; names are joined by dots, prefixes of wrappers
// (module., _orig_mod. ...) that all share are taken off. A torch.nn module counts by its
// parameters and buffers. What stands beside the weights is carried as a value or listed.
// Throws no_state_dict; state_dict_ambiguous for two models of equal rank; pickle_object when
// weights stand in objects of foreign classes, with their names; pickle_reconstructor when a tensor
// is the argument of an unknown call; pickle_limit.
StateDict find_state_dict(const TorchFile& file, const StateDictOptions& options);

}  // namespace recast

#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "wire/pickle.h"

// What optimizers of PyTorch keep: {"state": {PARAMETER: {"exp_avg": tensor ...}}, "param_groups":
// [{"lr": ..., "params": [PARAMETER ...][, "param_names": [...]]}]}. A parameter is a number, or,
// from torch.distributed.checkpoint.state_dict, its name.
namespace recast {

// Whether trainers put an optimizer, or a list of them, under this key.
bool is_optimizer_key(std::string_view key);
// The remedy where tensors under such a key are listed as dropped; the usual one otherwise.
std::string dropped_fix(std::string_view key);
// Of a dotted path the part up to the optimizer: its key, and the number behind it in a list; empty
// when none of the first two keys is an optimizer's.
std::string_view optimizer_root(std::string_view path);

// Names of the parameters of an optimizer by the key in its state, as far as the file says them.
using ParameterNames = std::unordered_map<std::string, std::string>;
ParameterNames parameter_names(const Pickle& pickle, PickleRef optimizer);

// The name under which a tensor at `path` below an optimizer is kept, which begins with `start`:
// "state.0.exp_avg" becomes START.exp_avg.PARAMETER where the name is known, else START.PATH.
std::string optimizer_tensor_name(std::string_view start, std::string_view path,
                                  const ParameterNames& names);

}  // namespace recast

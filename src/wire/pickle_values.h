#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wire/json.h"
#include "wire/pickle.h"

namespace recast {

// Nodes from which one of `seeds` can be reached, seeds included, by index.
std::vector<bool> reaching(const Pickle& pickle, const std::vector<bool>& seeds);

// A dict, or an object that Python fills like one (OrderedDict, defaultdict, Counter).
bool is_mapping(const Pickle& pickle, const PickleNode& node);
// A list, tuple or deque, or a named tuple of torch.return_types.
bool is_sequence(const Pickle& pickle, const PickleNode& node);
// The elements of a sequence.
const std::vector<PickleRef>& elements_of(const Pickle& pickle, const PickleNode& node);
// A dict key as a part of a name: text itself, else as Python prints it.
std::string key_text(const Pickle& pickle, PickleRef key);

// The node as JSON when it is a plain value: None, boolean, number, text, dtype, or a container of
// them. Empty when anything else is in it, when it is nested too deeply, or when `budget` nodes do
// not suffice; the budget is used up.
std::optional<json::Value> plain_value(const Pickle& pickle, PickleRef ref, size_t& budget);

// What a node is, for a list of dropped things: "object argparse.Namespace", "bytes".
std::string describe_node(const Pickle& pickle, const PickleNode& node);

}  // namespace recast

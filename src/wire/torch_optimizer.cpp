#include "wire/torch_optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "wire/pickle_values.h"

namespace recast {
namespace {

// Of PyTorch's own examples, Lightning, Hugging Face, torchtitan and Megatron.
constexpr std::string_view optimizer_keys[] = {
    "optimizer",        "optim",       "optimizers",           "optimizer_state",
    "optimizer_states", "optim_state", "optimizer_state_dict", "optim_state_dict"};
constexpr std::string_view chained_start = "chained_";  // several of Megatron's in one
constexpr std::string_view state_start = "state.";

bool is_number(std::string_view key) {
  return !key.empty() && key.find_first_not_of("0123456789") == key.npos;
}

PickleRef value_at(const Pickle& pickle, PickleRef mapping, std::string_view key) {
  const PickleNode& node = pickle[mapping];
  PickleRef found = 0;
  if (is_mapping(pickle, node))
    for (size_t i = 0; i + 1 < node.items.size(); i += 2)
      if (pickle[node.items[i]].kind == PickleKind::text && pickle[node.items[i]].text == key)
        found = node.items[i + 1];
  return found;
}

}  // namespace

bool is_optimizer_key(std::string_view key) {
  return key.starts_with(chained_start) ||
         std::find(std::begin(optimizer_keys), std::end(optimizer_keys), key) !=
             std::end(optimizer_keys);
}

std::string dropped_fix(std::string_view key) {
  return is_optimizer_key(key) ? "--keep-optimizer carries its tensors to safetensors" : "";
}

std::string_view optimizer_root(std::string_view path) {
  size_t begin = 0;
  for (int level = 0; level < 2 && begin < path.size(); ++level) {
    size_t end = std::min(path.find('.', begin), path.size());
    if (is_optimizer_key(path.substr(begin, end - begin))) {
      const size_t next = std::min(path.find('.', end + 1), path.size());
      if (end < path.size() && is_number(path.substr(end + 1, next - end - 1))) end = next;
      return path.substr(0, end);
    }
    begin = end + 1;
  }
  return {};
}

ParameterNames parameter_names(const Pickle& pickle, PickleRef optimizer) {
  ParameterNames names;
  const PickleNode& state = pickle[value_at(pickle, optimizer, "state")];
  if (is_mapping(pickle, state))
    for (size_t i = 0; i + 1 < state.items.size(); i += 2)
      if (const PickleNode& key = pickle[state.items[i]];
          key.kind == PickleKind::text && !is_number(key.text))
        names.emplace(key.text, key.text);
  const PickleNode& groups = pickle[value_at(pickle, optimizer, "param_groups")];
  if (!is_sequence(pickle, groups)) return names;
  for (const PickleRef group : elements_of(pickle, groups)) {
    const std::vector<PickleRef>& numbers = pickle[value_at(pickle, group, "params")].items;
    const std::vector<PickleRef>& named = pickle[value_at(pickle, group, "param_names")].items;
    if (named.size() != numbers.size()) continue;
    for (size_t i = 0; i < named.size(); ++i)
      if (pickle[named[i]].kind == PickleKind::text)
        names.emplace(key_text(pickle, numbers[i]), pickle[named[i]].text);
  }
  return names;
}

std::string optimizer_tensor_name(std::string_view start, std::string_view path,
                                  const ParameterNames& names) {
  if (path.starts_with(state_start)) {
    const std::string_view body = path.substr(state_start.size());
    for (size_t dot = body.find('.'); dot != body.npos; dot = body.find('.', dot + 1))
      if (const auto it = names.find(std::string(body.substr(0, dot))); it != names.end())
        return fmt::format("{}.{}.{}", start, body.substr(dot + 1), it->second);
  }
  return fmt::format("{}.{}", start, path);
}

}  // namespace recast

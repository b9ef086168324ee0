#include "formats/dcp/selection.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "wire/torch_optimizer.h"
#include "wire/torch_state_dict.h"

namespace recast::dcp {
namespace {

// What stands under a key: a tensor itself, or tensors further below.
struct Child {
  bool is_tensor = false, holds_tensors = false;
};
using Children = std::map<std::string_view, Child>;

bool is_optimizer(const Entry& entry) {
  const std::string_view name = entry.name;
  return is_optimizer_key(name.substr(0, name.find('.')));
}

bool is_below(const Entry& entry, const std::vector<std::string>& keys) {
  return entry.path.size() > keys.size() &&
         std::equal(keys.begin(), keys.end(), entry.path.begin());
}

Children children_of(const std::vector<Entry>& entries, const std::vector<std::string>& keys) {
  Children children;
  for (const Entry& entry : entries) {
    if (!is_below(entry, keys)) continue;
    Child& child = children[entry.path[keys.size()]];
    const bool here = entry.path.size() == keys.size() + 1;
    child.is_tensor = child.is_tensor || (here && entry.is_tensor);
    child.holds_tensors = child.holds_tensors || (!here && entry.is_tensor);
  }
  return children;
}

// The keys above the model.
std::vector<std::string> find_model(const std::vector<Entry>& entries) {
  std::vector<std::string> keys;
  for (int level = 0; level < most_state_dict_levels; ++level) {
    const Children children = children_of(entries, keys);
    const auto tensors = std::count_if(children.begin(), children.end(),
                                       [](const auto& pair) { return pair.second.is_tensor; });
    if (static_cast<size_t>(tensors) * 2 >= children.size()) break;
    const auto wrappers = state_dict_keys();
    const auto wrapper = std::find_if(wrappers.begin(), wrappers.end(), [&](std::string_view key) {
      const auto it = children.find(key);
      return it != children.end() && it->second.holds_tensors;
    });
    if (wrapper == wrappers.end()) break;
    keys.emplace_back(*wrapper);
  }
  return keys;
}

std::string joined(const std::vector<std::string>& path, size_t from) {
  std::string name;
  for (size_t i = from; i < path.size(); ++i) name.append(i > from ? "." : "").append(path[i]);
  return name;
}

// The key behind "state", where that is the name of a parameter.
ParameterNames parameter_of(const std::vector<std::string>& path) {
  const auto state = std::find(path.begin(), path.end(), "state");
  if (path.end() - state < 3) return {};
  const std::string& key = *(state + 1);
  if (key.find_first_not_of("0123456789") == key.npos) return {};
  return {{key, key}};
}

// As of a pickle (wire/torch_optimizer.h): of several optimizers each keeps its key.
void name_optimizer(std::vector<Selected>& optimizer) {
  std::set<std::string_view> roots;
  for (const Selected& part : optimizer)
    if (part.entry->is_tensor) roots.insert(optimizer_root(part.entry->name));
  for (Selected& part : optimizer) {
    const std::string& name = part.entry->name;
    const std::string_view root = optimizer_root(name);
    if (!part.entry->is_tensor || root.size() == name.size()) continue;
    std::string start = "optimizer";
    if (roots.size() > 1) start.append(".").append(root);
    part.name = optimizer_tensor_name(start, std::string_view(name).substr(root.size() + 1),
                                      parameter_of(part.entry->path));
  }
}

}  // namespace

Selection select(const std::vector<Entry>& entries) {
  const std::vector<std::string> keys = find_model(entries);
  Selection out;
  for (const Entry& entry : entries) {
    if (is_optimizer(entry))
      out.optimizer.push_back({&entry, entry.name});
    else if (entry.is_tensor && is_below(entry, keys))
      out.weights.push_back({&entry, joined(entry.path, keys.size())});
    else
      out.aside.push_back({&entry, entry.name});
  }
  name_optimizer(out.optimizer);
  std::vector<std::string*> names;
  for (Selected& weight : out.weights) names.push_back(&weight.name);
  strip_wrapper_prefixes(names);
  return out;
}

}  // namespace recast::dcp

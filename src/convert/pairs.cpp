#include "convert/pairs.h"

#include <algorithm>
#include <map>
#include <set>

namespace recast {

Pairing pair_by_role(const Canonical& source, const Canonical& target) {
  Pairing out;
  for (const auto& [key, tensor] : source.tensors) {
    const auto it = target.tensors.find(key);
    if (it == target.tensors.end())
      out.only_source.push_back({tensor.source, key});
    else
      out.pairs.push_back(
          {it->second.source, tensor.source, key, tensor.value, it->second.value});
  }
  for (const auto& [key, tensor] : target.tensors)
    if (!source.tensors.contains(key)) out.only_target.push_back({tensor.source, key});
  return out;
}

Pairing pair_by_name(const std::vector<Tensor>& source, const std::vector<Tensor>& target) {
  std::map<std::string_view, const Tensor*> by_name;
  for (const Tensor& tensor : target) by_name[tensor.name] = &tensor;
  Pairing out;
  std::set<std::string_view> paired;
  for (const Tensor& tensor : source) {
    const auto it = by_name.find(tensor.name);
    if (it == by_name.end()) {
      out.only_source.push_back({tensor.name, {}});
      continue;
    }
    paired.insert(tensor.name);
    out.pairs.push_back({tensor.name, tensor.name, {}, tensor.value, it->second->value});
  }
  for (const Tensor& tensor : target)
    if (!paired.contains(tensor.name)) out.only_target.push_back({tensor.name, {}});
  return out;
}

namespace {

// A layer number beyond this is a number of something else, and would make an endless picture.
constexpr size_t most_digits = 4;

bool is_number(std::string_view word) {
  return !word.empty() && word.size() <= most_digits &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

RolePlace place_in_name(std::string_view name) {
  constexpr std::string_view ending = ".weight";
  if (name.ends_with(ending)) name.remove_suffix(ending.size());
  RolePlace place;
  const std::string whole(name);
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('.', start), name.size());
    const std::string_view word = name.substr(start, end - start);
    start = end + 1;
    if (!is_number(word)) {
      place.role.append(place.role.empty() ? "" : ".").append(word);
    } else if (place.layer < 0) {
      place.layer = std::stoi(std::string(word));
      place.role.clear();
    }
  }
  return place.role.empty() ? RolePlace{whole} : place;
}

}  // namespace

RolePlace role_place(const std::optional<RoleKey>& role, std::string_view name) {
  if (!role) return place_in_name(name);
  RolePlace place{std::string(role_name(role->role)), role->layer};
  if (role->part == Part::bias) place.role += ".bias";
  return place;
}

}  // namespace recast

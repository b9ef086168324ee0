#include "arch/name_census.h"

#include <algorithm>

namespace recast {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The number that a part of a name is; -1 when it is none, or none of this world.
int64_t number_of(std::string_view part) {
  if (part.empty() || part.size() > 9) return -1;
  if (!std::all_of(part.begin(), part.end(), is_digit)) return -1;
  int64_t number = 0;
  for (const char c : part) number = number * 10 + (c - '0');
  return number;
}

}  // namespace

std::string name_pattern(std::string_view name, std::array<int64_t, 2>& highest) {
  std::string pattern;
  pattern.reserve(name.size());
  size_t numbers = 0;
  for (size_t at = 0;;) {
    const size_t dot = std::min(name.find('.', at), name.size());
    const std::string_view part = name.substr(at, dot - at);
    const int64_t number = number_of(part);
    if (number >= 0 && numbers < highest.size()) {
      highest[numbers] = std::max(highest[numbers], number);
      ++numbers;
    }
    pattern.append(number >= 0 ? std::string_view("{}") : part);
    if (dot == name.size()) return pattern;
    pattern.push_back('.');
    at = dot + 1;
  }
}

std::string name_pattern(std::string_view name) {
  std::array<int64_t, 2> ignored{-1, -1};
  return name_pattern(name, ignored);
}

NameCensus take_census(const Checkpoint& source) {
  NameCensus census{.tensors = source.tensors.size()};
  std::unordered_map<std::string, size_t> seen;
  for (const Tensor& tensor : source.tensors) {
    std::array<int64_t, 2> numbers{-1, -1};
    std::string pattern = name_pattern(tensor.name, numbers);
    auto it = seen.find(pattern);
    if (it == seen.end()) {
      if (census.sorts.size() == NameCensus::limit) {
        ++census.others;
        continue;
      }
      it = seen.emplace(pattern, census.sorts.size()).first;
      census.sorts.push_back({.pattern = std::move(pattern), .first = &tensor});
    }
    NameSort& sort = census.sorts[it->second];
    ++sort.count;
    for (size_t i = 0; i < numbers.size(); ++i)
      sort.highest[i] = std::max(sort.highest[i], numbers[i]);
  }
  return census;
}

}  // namespace recast

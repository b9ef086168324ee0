#include "codec/iq_grid.h"

#include <algorithm>

namespace recast::codec::iq {

std::vector<uint64_t> value_bytes(std::span<const uint16_t> keys, int group, int bits,
                                  const int8_t* values) {
  std::vector<uint64_t> result;
  for (const uint32_t key : keys) {
    uint64_t bytes = 0;
    for (int i = 0; i < group; ++i) {
      const uint8_t value = static_cast<uint8_t>(values[key >> (bits * i) & ((1u << bits) - 1)]);
      bytes |= uint64_t{value} << (8 * i);
    }
    result.push_back(bytes);
  }
  return result;
}

Grid::Grid(std::span<const uint16_t> keys, int group, int bits, int levels, int distances)
    : keys_(keys), at_(size_t{1} << (group * bits)), lists_(1) {
  constexpr int unset = -1;
  std::fill(at_.begin(), at_.end(), unset);
  for (size_t id = 0; id < keys.size(); ++id) at_[keys[id]] = static_cast<int32_t>(id);
  for (uint32_t key = 0; key < at_.size(); ++key) {
    if (at_[key] != unset) continue;
    bool valid = true;
    for (int i = 0; i < group; ++i)
      valid &= static_cast<int>(key >> (bits * i) & ((1u << bits) - 1)) < levels;
    if (valid) add_neighbours(key, group, bits, distances);
  }
}

void Grid::add_neighbours(uint32_t key, int group, int bits, int distances) {
  const uint32_t mask = (1u << bits) - 1;
  constexpr int farthest = 8 * 2 * 2 + 4 * 7 * 7;  // squared differences of levels
  std::vector<int> distance(keys_.size());
  int count[farthest + 1] = {};
  for (size_t id = 0; id < keys_.size(); ++id) {
    int sum = 0;
    for (int i = 0; i < group; ++i) {
      const int difference = static_cast<int>(keys_[id] >> (bits * i) & mask) -
                             static_cast<int>(key >> (bits * i) & mask);
      sum += difference * difference;
    }
    distance[id] = sum;
    ++count[sum];
  }
  at_[key] = -static_cast<int32_t>(lists_.size());
  const size_t head = lists_.size();
  lists_.push_back(0);
  for (int d = 0, left = distances; d <= farthest && left > 0; ++d) {
    if (count[d] == 0) continue;
    --left;
    for (size_t id = 0; id < keys_.size(); ++id)
      if (distance[id] == d) lists_.push_back(keys_[id]);
  }
  const size_t size = lists_.size() - head - 1;
  lists_[head] = static_cast<uint16_t>(size);
  const size_t padded = (size + list_step - 1) / list_step * list_step;
  lists_.resize(head + 1 + padded, lists_[head + 1]);
}

const Grid& iq2xxs_grid() {
  static const Grid grid(iq2xxs_keys, 8, 2, 3, 2);
  return grid;
}
const Grid& iq2xs_grid() {
  static const Grid grid(iq2xs_keys, 8, 2, 3, 2);
  return grid;
}
const Grid& iq2s_grid() {
  static const Grid grid(iq2s_keys, 8, 2, 3, 1);
  return grid;
}
const Grid& iq3xxs_grid() {
  static const Grid grid(iq3xxs_keys, 4, 3, 8, 2);
  return grid;
}
const Grid& iq3s_grid() {
  static const Grid grid(iq3s_keys, 4, 3, 8, 3);
  return grid;
}
const Grid& iq1s_grid() {
  static const Grid grid(iq1s_keys, 8, 2, 3, 3);
  return grid;
}

}  // namespace recast::codec::iq

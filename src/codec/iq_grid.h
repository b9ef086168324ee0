#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

// The grids of IQ1, IQ2 and IQ3: lists of the groups of levels that can be stored, by id.
//
// A group is 8 levels of 2 bits or 4 of 3 bits. Its key has level i at bits `bits` * i. A group
// that is not on the grid is stored as one of its neighbours: the entries at the smallest few
// different distances, nearest first, then by id. Distances count in odd coordinates 2 * level + 1.
// Source: ggml of llama.cpp v0.5.0, iq2xs_init_impl and iq3xs_init_impl.
namespace recast::codec::iq {

extern const uint16_t iq2xxs_keys[256], iq2xs_keys[512], iq2s_keys[1024], iq3xxs_keys[256],
    iq3s_keys[512], iq1s_keys[2048];

// Decoded magnitudes of the levels; those of IQ1 without their shift.
inline constexpr int8_t iq1_values[4] = {-1, 0, 1, 0}, iq2_values[4] = {8, 25, 43, 0};
inline constexpr int8_t iq3_xxs_values[8] = {4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr int8_t iq3_s_values[8] = {1, 3, 5, 7, 9, 11, 13, 15};

// The values of each group of a grid, one a byte, the first lowest.
std::vector<uint64_t> value_bytes(std::span<const uint16_t> keys, int group, int bits,
                                  const int8_t* values);

// 8 signs from 7: their number is even.
inline uint32_t even_signs(uint32_t seven) {
  return seven | static_cast<uint32_t>(std::popcount(seven) & 1) << 7;
}

class Grid {
 public:
  // distances: how many different distances neighbours may have.
  Grid(std::span<const uint16_t> keys, int group, int bits, int levels, int distances);

  // Id of a key on the grid, negative for other keys.
  int id(uint32_t key) const { return at_[key]; }
  // All keys, a multiple of 16.
  std::span<const uint16_t> keys() const { return keys_; }
  uint16_t key(int id) const { return keys_[static_cast<size_t>(id)]; }
  // By key: id, negative for keys that are not on the grid.
  const int32_t* ids() const { return at_.data(); }
  // Lists of neighbours are followed by repeats of their first key, up to a multiple of this.
  static constexpr size_t list_step = 16;
  // Keys of the neighbours of a key that is not on the grid. Never empty.
  std::span<const uint16_t> neighbours(uint32_t key) const {
    const uint16_t* list = lists_.data() - at_[key];
    return {list + 1, list[0]};
  }

 private:
  void add_neighbours(uint32_t key, int group, int bits, int distances);

  std::span<const uint16_t> keys_;
  std::vector<int32_t> at_;      // by key: id, or minus the place of its neighbours in lists_
  std::vector<uint16_t> lists_;  // of each: count, keys; place 0 is not used
};

// Built when first asked for, which takes some 10 ms; safe from any thread.
const Grid& iq2xxs_grid();
const Grid& iq2xs_grid();
const Grid& iq2s_grid();
const Grid& iq3xxs_grid();
const Grid& iq3s_grid();
const Grid& iq1s_grid();

}  // namespace recast::codec::iq

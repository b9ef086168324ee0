// scalar::nearest of iq23.h, one candidate in each lane. Included once for each Highway target.
#if defined(RECAST_CODEC_IQ_NEAREST_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_IQ_NEAREST_INL_H
#undef RECAST_CODEC_IQ_NEAREST_INL_H
#else
#define RECAST_CODEC_IQ_NEAREST_INL_H
#endif

#include <algorithm>
#include <bit>
#include <cfloat>
#include <span>

#include "codec/iq_grid.h"
#include "codec/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX2
// Lane l becomes table[index[l]], of which the lowest 4 (AVX-512) or 3 bits (AVX2) count.
HWY_INLINE VecF look_up(VecF table, VecI index) {
#if HWY_TARGET <= HWY_AVX3
  return VecF{_mm512_permutexvar_ps(index.raw, table.raw)};
#else
  return VecF{_mm256_permutevar8x32_ps(table.raw, index.raw)};
#endif
}

// The first of a list of keys whose levels lie nearest to the `group` values y with weights v, both
// `distance` floats apart. coordinates: those of the levels, repeated to 16. Up to 15 keys behind
// the list are read.
template <int group, int bits>
HWY_INLINE uint32_t nearest_of(std::span<const uint16_t> list, float scale, const float* y,
                               const float* v, int distance, const float* coordinates) {
  const LaneF f;
  const LaneI i32;
  const VecF levels = hn::Mul(set(scale), load(coordinates));
  VecF errors[group];  // by level, repeated
  for (int i = 0; i < group; ++i) {
    const VecF t = hn::Sub(levels, set(y[i * distance]));
    errors[i] = hn::Mul(hn::Mul(set(v[i * distance]), t), t);
  }
  const auto sums_from = [&](size_t first) HWY_ATTR {
    VecI keys = hn::PromoteTo(
        i32, hn::LoadU(hn::Rebind<uint16_t, LaneI>(), list.data() + first));
    VecF sum = look_up(errors[0], keys);
    for (int i = 1; i < group; ++i) {
      keys = hn::ShiftRight<bits>(keys);
      sum = hn::Add(sum, look_up(errors[i], keys));
    }
    return hn::Min(sum, set(FLT_MAX));  // also of what is not a number
  };
  // Each lane keeps its first least sum; repeats behind the list are never the first.
  VecF least = sums_from(0);
  if (list.size() <= lanes) {
    const MaskF equal = hn::Eq(least, hn::MinOfLanes(f, least));
    return list[static_cast<size_t>(std::countr_zero(bits_of(equal)))];
  }
  VecI place = hn::Iota(i32, 0), least_place = place;
  for (size_t first = lanes; first < list.size(); first += lanes) {
    place = hn::Add(place, hn::Set(i32, lanes));
    const VecF sum = sums_from(first);
    const MaskF better = hn::Lt(sum, least);
    least = hn::IfThenElse(better, sum, least);
    least_place = hn::IfThenElse(hn::RebindMask(i32, better), place, least_place);
  }
  const MaskF equal = hn::Eq(least, hn::MinOfLanes(f, least));
  const int lane = std::countr_zero(bits_of(equal));
  alignas(64) int32_t places[lanes];
  hn::Store(least_place, i32, places);
  int best = places[lane];
  const auto earlier = hn::Lt(least_place, hn::Set(i32, best));
  uint32_t ties = bits_of(hn::And(equal, hn::RebindMask(f, earlier)));
  for (; ties; ties &= ties - 1) best = std::min(best, places[std::countr_zero(ties)]);
  return list[static_cast<size_t>(best)];
}
#else
template <int group, int bits>
HWY_INLINE uint32_t nearest_of(std::span<const uint16_t> list, float scale, const float* y,
                               const float* v, int distance, const float* coordinates) {
  constexpr int levels = 1 << bits;
  float errors[group][levels];
  for (int i = 0; i < group; ++i)
    for (int l = 0; l < levels; ++l) {
      const float t = scale * coordinates[l] - y[i * distance];
      errors[i][l] = v[i * distance] * t * t;
    }
  float least = FLT_MAX;
  uint32_t best = list[0];
  for (const uint32_t candidate : list) {
    float sum = errors[0][candidate & (levels - 1)];
    for (int i = 1; i < group; ++i) sum += errors[i][candidate >> (bits * i) & (levels - 1)];
    if (!(sum < least)) continue;
    least = sum;
    best = candidate;
  }
  return best;
}
#endif

// Among the neighbours of `key`, which is not on the grid.
template <int group, int bits>
HWY_INLINE uint32_t nearest_neighbour(const iq::Grid& grid, uint32_t key, float scale,
                                      const float* y, const float* v, int distance,
                                      const float* coordinates) {
  return nearest_of<group, bits>(grid.neighbours(key), scale, y, v, distance, coordinates);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target

// scalar::nearest of iq23.h, one candidate in each lane. Included once for each Highway target.
#if defined(RECAST_CODEC_IQ_NEAREST_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_IQ_NEAREST_INL_H
#undef RECAST_CODEC_IQ_NEAREST_INL_H
#else
#define RECAST_CODEC_IQ_NEAREST_INL_H
#endif

#include <bit>
#include <cfloat>
#include <span>

#include "codec/iq_grid.h"
#include "codec/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// The first of a list of keys whose levels lie nearest to the `group` values y with weights v, both
// `distance` floats apart. coordinates: those of the levels, repeated to 16. Up to 15 keys behind
// the list are read.
#if HWY_TARGET <= HWY_AVX3
template <int group, int bits>
HWY_INLINE uint32_t nearest_of(std::span<const uint16_t> list, float scale, const float* y,
                               const float* v, int distance, const float* coordinates) {
  const LaneF f;
  const LaneI i32;
  const VecF levels = hn::Mul(set(scale), load(coordinates));
  VecF errors[group];  // by level, repeated: a shuffle looks at the lowest 4 bits of an index
  for (int i = 0; i < group; ++i) {
    const VecF t = hn::Sub(levels, set(y[i * distance]));
    errors[i] = hn::Mul(hn::Mul(set(v[i * distance]), t), t);
  }
  const auto sums_of = [&](int first) HWY_ATTR {
    const VecI keys = hn::PromoteTo(
        i32, hn::LoadU(hn::Rebind<uint16_t, LaneI>(), list.data() + first));
    VecF sum = VecF{_mm512_permutexvar_ps(keys.raw, errors[0].raw)};
    for (int i = 1; i < group; ++i) {
      const VecI shifted = VecI{_mm512_srli_epi32(keys.raw, bits * i)};
      sum = hn::Add(sum, VecF{_mm512_permutexvar_ps(shifted.raw, errors[i].raw)});
    }
    return sum;
  };
  const int count = static_cast<int>(list.size());
  const auto first_equal = [](VecF a, VecF b) HWY_ATTR {
    return std::countr_zero(static_cast<uint32_t>(_mm512_cmpeq_ps_mask(a.raw, b.raw)) | 1u << 16);
  };
  VecF least = set(FLT_MAX);
  int place = 0;
  for (int first = 0; first < count; first += 16) {
    const auto inside = hn::FirstN(f, static_cast<size_t>(count - first));
    const VecF sum = hn::IfThenElse(inside, sums_of(first), set(FLT_MAX));
    const VecF chunk = hn::MinOfLanes(f, sum);
    if (first > 0 && hn::AllFalse(f, hn::Lt(sum, least))) continue;
    const int lane = first_equal(sum, chunk);
    if (lane == 16 || !(hn::GetLane(chunk) < FLT_MAX)) continue;  // not a number, or too large
    least = chunk;
    place = first + lane;
  }
  return list[static_cast<size_t>(place)];
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

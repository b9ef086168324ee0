// What the searches of best.h share in vectors. Included once for each Highway target.
#if defined(RECAST_CODEC_BEST_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_BEST_INL_H
#undef RECAST_CODEC_BEST_INL_H
#else
#define RECAST_CODEC_BEST_INL_H
#endif

#include <algorithm>
#include <cmath>

#include "codec/best.h"
#include "codec/iq4-inl.h"
#include "tensor/float16.h"

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// 0 for what has no useful inverse.
HWY_INLINE VecF inverse_of(VecF v) {
  const MaskF usable = hn::Gt(hn::Abs(v), set(1e-30f));
  return hn::IfThenElseZero(usable, hn::Div(set(1), v));
}

// For |v| <= 4194303, halves to even.
HWY_INLINE VecF nearest_whole(VecF v) {
  const VecF magic = set(12582912.0f);
  return hn::Sub(hn::Add(v, magic), magic);
}
HWY_INLINE VecF clamped_whole(VecF v, VecF low, VecF high) {
  return nearest_whole(hn::Min(hn::Max(v, low), high));
}

// Nearest levels of x / scale.
struct WholeLevels {
  VecF low, high;
  WholeLevels(int least, int largest)
      : low(set(static_cast<float>(least))), high(set(static_cast<float>(largest))) {}
  explicit WholeLevels(const ScaledType& type) : WholeLevels(type.low, type.high) {}
  HWY_INLINE VecF operator()(VecF v) const {
    return clamped_whole(v, low, high);
  }
};
struct Iq4Levels {
  NearestLevel nearest;
  explicit Iq4Levels(const ScaledType&) {}
  HWY_INLINE VecF operator()(VecF v) const {
    return nearest(hn::Min(hn::Max(v, set(-140)), set(140)));
  }
};
struct SignLevels {
  explicit SignLevels(const ScaledType&) {}
  HWY_INLINE VecF operator()(VecF v) const {
    return hn::IfThenElse(hn::Lt(v, hn::Zero(LaneF())), set(-1), set(1));
  }
};

// Over n values of each lane, levels being the nearest of x * inverse: sums of w * x * level and
// w * level^2, and the weighted squared error.
struct LevelSums {
  VecF lx, l2, error;
};
template <class Levels>
HWY_INLINE LevelSums sums_at(const Levels& nearest, const float* x, const float* w, int n,
                             VecF inverse, VecF scale) {
  LevelSums s = {hn::Zero(LaneF()), hn::Zero(LaneF()), hn::Zero(LaneF())};
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width), weight = load(w + i * width);
    const VecF l = nearest(hn::Mul(inverse, value));
    const VecF wl = hn::Mul(weight, l);
    const VecF e = hn::Sub(hn::Mul(scale, l), value);
    s.lx = hn::Add(s.lx, hn::Mul(wl, value));
    s.l2 = hn::Add(s.l2, hn::Mul(wl, l));
    s.error = hn::Add(s.error, hn::Mul(weight, hn::Mul(e, e)));
  }
  return s;
}

// The f16 next to a real number in units of `unit`, never infinite, and what it is in these units.
HWY_INLINE uint16_t half_of(double real, double unit) {
  return near_f16(f16_from_f32(static_cast<float>(real * unit)), 0);
}
HWY_INLINE float step_of(uint16_t half, double unit) {
  return unit > 0 ? static_cast<float>(f32_from_f16(half) / unit) : 0.0f;
}

// Scales as whole numbers of steps.
HWY_INLINE VecF whole_scales(VecF scale, VecF step, int low, int high) {
  return clamped_whole(hn::Mul(scale, inverse_of(step)), set(static_cast<float>(low)),
                       set(static_cast<float>(high)));
}
inline int whole_scale(float scale, float step, int low, int high) {
  const float v = step != 0 ? scale / step : 0.0f;
  return static_cast<int>(
      std::lrint(std::clamp(v, static_cast<float>(low), static_cast<float>(high))));
}

// Real scales of `count` sub-blocks that are to become step * (low ... high), and what the square
// of a deviation costs.
struct RealScales {
  const float *scales, *costs;
  int count, low, high;
};

// The `wanted` steps that cost least of 16, 32 where scales have a sign, which give the largest
// scale 60 % to all of the range.
HWY_INLINE void propose_steps(const RealScales& real, int wanted, float* steps) {
  const LaneF f;
  constexpr int most = 2 * width;
  const int tries = real.low < 0 ? most : width;
  alignas(64) float tried[most], cost[most];
  float largest = 0;
  for (int j = 0; j < real.count; ++j)
    if (std::fabs(real.scales[j]) > std::fabs(largest)) largest = real.scales[j];
  const float ends[2] = {static_cast<float>(real.high), static_cast<float>(real.low)};
  for (int t = 0; t < tries; ++t)
    tried[t] = largest / (ends[t / width] * (1 - static_cast<float>(t % width) * (0.4f / width)));
  const VecF low = set(ends[1]), high = set(ends[0]);
  for (int at = 0; at < tries; at += lanes) {
    const VecF step = load(tried + at), inverse = inverse_of(step);
    VecF sum = hn::Zero(f);
    for (int j = 0; j < real.count; ++j) {
      const VecF scale = set(real.scales[j]);
      const VecF code = clamped_whole(hn::Mul(scale, inverse), low, high);
      const VecF e = hn::Sub(hn::Mul(step, code), scale);
      sum = hn::Add(sum, hn::Mul(set(real.costs[j]), hn::Mul(e, e)));
    }
    store(sum, cost + at);
  }
  for (int k = 0; k < wanted; ++k) {
    const int64_t best = std::min_element(cost, cost + tries) - cost;
    steps[k] = tried[best];
    cost[best] = 3e38f;
  }
}

// Stores the levels of `count` sub-blocks a block: level_at(i, at) gives those of value i in the
// vector from lane `at` on.
template <class LevelAt>
HWY_INLINE void store_levels(int sub, int count, const LevelAt& level_at, FittedBlock* out) {
  alignas(64) int32_t levels[width];
  for (int i = 0; i < sub; ++i) {
    for (int at = 0; at < width; at += lanes)
      hn::Store(hn::ConvertTo(LaneI(), level_at(i, at)), LaneI(), levels + at);
    for (int s = 0; s < width; ++s)
      out[s / count].levels[s % count * sub + i] = static_cast<int8_t>(levels[s]);
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target

// Effort::fast of best.h, one block at a time.
#include <algorithm>
#include <cmath>

#include "codec/best.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/fast.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/best-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

struct Extremes {
  float low, high;
};
HWY_INLINE Extremes extremes_of(const float* x, int n) {
  const LaneF f;
  VecF low = load(x), high = low;
  for (int i = lanes; i < n; i += lanes) {
    low = hn::Min(low, load(x + i));
    high = hn::Max(high, load(x + i));
  }
  return {hn::GetLane(hn::MinOfLanes(f, low)), hn::GetLane(hn::MaxOfLanes(f, high))};
}

// Levels nearest((x + min) / scale) of n values.
template <class Levels>
HWY_INLINE void write_levels(const Levels& nearest, const float* x, int n, float scale, float min,
                             int8_t* levels) {
  const hn::Rebind<int8_t, LaneF> i8;
  const VecF inverse = inverse_of(set(scale)), shift = set(min);
  for (int i = 0; i < n; i += lanes) {
    const VecF l = nearest(hn::Mul(hn::Add(load(x + i), shift), inverse));
    hn::StoreU(hn::DemoteTo(i8, hn::ConvertTo(LaneI(), l)), i8, levels + i);
  }
}

template <class Levels>
HWY_INLINE void fast_scaled_block(const ScaledType& type, const Levels& nearest, const float* x,
                       FittedBlock& out) {
  float scales[16], largest = 0;
  for (int j = 0; j < type.count; ++j) {
    const Extremes e = extremes_of(x + j * type.sub, type.sub);
    scales[j] = (-e.low > e.high ? e.low : e.high) / static_cast<float>(type.low);
    if (std::fabs(scales[j]) > std::fabs(largest)) largest = scales[j];
  }
  out.d = half_of(largest / static_cast<float>(type.scale_low), 1);
  const float step = step_of(out.d, 1);
  for (int j = 0; j < type.count; ++j) {
    const int scale = whole_scale(scales[j], step, type.scale_low, type.scale_high);
    out.scales[j] = static_cast<int16_t>(scale);
    write_levels(nearest, x + j * type.sub, type.sub, step * static_cast<float>(scale), 0,
                 out.levels + j * type.sub);
  }
}

HWY_INLINE void fast_affine_block(const AffineType& type, const float* x, FittedBlock& out) {
  float scales[16], mins[16], scale_top = 0, min_top = 0;
  for (int j = 0; j < type.count; ++j) {
    const Extremes e = extremes_of(x + j * type.sub, type.sub);
    mins[j] = std::max(-e.low, 0.0f);
    scales[j] = (e.high + mins[j]) / static_cast<float>(type.top);
    scale_top = std::max(scale_top, scales[j]);
    min_top = std::max(min_top, mins[j]);
  }
  out.d = half_of(scale_top / static_cast<float>(type.scale_top), 1);
  out.dmin = half_of(min_top / static_cast<float>(type.scale_top), 1);
  const float step = step_of(out.d, 1), min_step = step_of(out.dmin, 1);
  const WholeLevels nearest(0, type.top);
  for (int j = 0; j < type.count; ++j) {
    const int scale = whole_scale(scales[j], step, 0, type.scale_top);
    const int min = whole_scale(mins[j], min_step, 0, type.scale_top);
    out.scales[j] = static_cast<int16_t>(scale);
    out.mins[j] = static_cast<uint8_t>(min);
    write_levels(nearest, x + j * type.sub, type.sub, step * static_cast<float>(scale),
                 min_step * static_cast<float>(min), out.levels + j * type.sub);
  }
}

template <class Type, class Block>
HWY_INLINE void pack_blocks(const Type& type, const float* x, std::byte* out, int64_t n,
                            const Block& fit_block) {
  FittedBlock fitted = {};
  for (int64_t at = 0; at < n; at += type.elements(), out += type.block_bytes) {
    fit_block(x + at, fitted);
    type.pack(fitted, out);
  }
}

template <class Levels>
void fast_scaled_with(const ScaledType& type, const float* x, std::byte* out, int64_t n) {
  const Levels nearest(type);
  pack_blocks(type, x, out, n, [&](const float* block, FittedBlock& fitted) HWY_ATTR {
    fast_scaled_block(type, nearest, block, fitted);
  });
}

void fast_scaled(const ScaledType& type, const float* x, std::byte* out, int64_t n) {
  if (type.set == LevelSet::iq4)
    fast_scaled_with<Iq4Levels>(type, x, out, n);
  else
    fast_scaled_with<WholeLevels>(type, x, out, n);
}

void fast_affine(const AffineType& type, const float* x, std::byte* out, int64_t n) {
  pack_blocks(type, x, out, n, [&](const float* block, FittedBlock& fitted) HWY_ATTR {
    fast_affine_block(type, block, fitted);
  });
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace {

HWY_EXPORT(fast_scaled);
HWY_EXPORT(fast_affine);

}  // namespace

void encode_fast(const ScaledType& type, const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(fast_scaled);
  kernel(type, source, destination, n);
}
void encode_fast(const AffineType& type, const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(fast_affine);
  kernel(type, source, destination, n);
}

}  // namespace recast::codec
#endif

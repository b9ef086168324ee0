// The searches of best.h for x = d * scale * level.
//
// aggressive: every sub-block looks for the real scale that suits it best: it tries many, rounds to
// levels, fits the scale by least squares and rounds again. Where sub-blocks share d, each candidate
// d is judged by what the whole scales next to the real ones lose; the best few are refined in turn:
// whole scales, levels, d by least squares. At last f16 neighbours of d are compared.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "codec/best.h"
#include "codec/iq4.h"
#include "tensor/float16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/best_scaled.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/best-inl.h"
#include "codec/iq4-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// Nearest levels of x / scale.
struct WholeLevels {
  VecF low, high;
  explicit WholeLevels(const ScaledType& type)
      : low(set(static_cast<float>(type.low))), high(set(static_cast<float>(type.high))) {}
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

// The value of largest magnitude that has a weight.
HWY_INLINE VecF largest_weighted(const float* x, const float* w, int n) {
  VecF largest = hn::Zero(LaneF());
  for (int i = 0; i < n; ++i) {
    const MaskF counts = hn::Gt(load(w + i * width), hn::Zero(LaneF()));
    largest = larger_magnitude(largest, hn::IfThenElseZero(counts, load(x + i * width)));
  }
  return largest;
}

// 16 sub-blocks and the scales found for them.
struct ScaledLanes {
  const LaneBlocks& in;
  alignas(64) float scale[width], l2[width];  // real scales, and sums of w * level^2 at them
};

template <class Levels>
HWY_INLINE void find_scales(const ScaledType& type, const Levels& nearest, ScaledLanes& lane) {
  const bool mirrored = type.low == -type.high;
  const VecF zero = hn::Zero(LaneF());
  for (int at = 0; at < width; at += lanes) {
    const float *x = lane.in.x + at, *w = lane.in.w + at;
    const VecF unit = inverse_of(largest_weighted(x, w, type.sub));
    VecF best = zero, scale = zero;
    for (int t = 0; t < type.tries * (mirrored ? 1 : 2); ++t) {
      const int step = mirrored ? t : t / 2;
      const float place = type.first + (type.last - type.first) * static_cast<float>(step) /
                                           static_cast<float>(type.tries - 1);
      const VecF inverse = hn::Mul(set(mirrored || t % 2 ? place : -place), unit);
      const LevelSums s = sums_at(nearest, x, w, type.sub, inverse, zero);
      const MaskF better = hn::And(hn::Gt(s.l2, zero),
                                   hn::Gt(hn::Mul(s.lx, s.lx), hn::Mul(best, s.l2)));
      const VecF quotient = hn::Div(s.lx, s.l2);
      scale = hn::IfThenElse(better, quotient, scale);
      best = hn::IfThenElse(better, hn::Mul(quotient, s.lx), best);
    }
    VecF l2 = zero;
    for (int round = 0; round < 3; ++round) {
      const LevelSums s = sums_at(nearest, x, w, type.sub, inverse_of(scale), zero);
      const MaskF usable = hn::Gt(s.l2, zero);
      scale = hn::IfThenElse(usable, hn::Div(s.lx, s.l2), scale);
      l2 = s.l2;
    }
    store(scale, lane.scale + at);
    store(l2, lane.l2 + at);
  }
}

// The scales at which the value of largest magnitude gets the level of largest magnitude.
HWY_INLINE void spread_scales(const ScaledType& type, ScaledLanes& lane) {
  const float top = static_cast<float>(type.low);
  for (int at = 0; at < width; at += lanes) {
    const VecF largest = largest_weighted(lane.in.x + at, lane.in.w + at, type.sub);
    store(hn::Div(largest, set(top)), lane.scale + at);
    store(set(1), lane.l2 + at);
  }
}

// One choice of d for each block and whole scales for each sub-block, and its sums in each lane.
struct Choice {
  uint16_t d[width] = {};  // one a lane, the same for all lanes of a block
  int scales[width] = {};
  alignas(64) float lx[width], l2[width], error[width];
};

template <class Levels>
HWY_INLINE void evaluate(const ScaledType& type, const Levels& nearest, const LaneBlocks& in,
                         Choice& choice) {
  alignas(64) float scale[width];
  for (int s = 0; s < width; ++s)
    scale[s] = step_of(choice.d[s], in.unit[s]) * static_cast<float>(choice.scales[s]);
  for (int at = 0; at < width; at += lanes) {
    const VecF v = load(scale + at);
    const LevelSums sums = sums_at(nearest, in.x + at, in.w + at, type.sub, inverse_of(v), v);
    store(sums.lx, choice.lx + at);
    store(sums.l2, choice.l2 + at);
    store(sums.error, choice.error + at);
  }
}

HWY_INLINE void take_lane(const Choice& from, int s, Choice& to) {
  to.d[s] = from.d[s];
  to.scales[s] = from.scales[s];
  to.lx[s] = from.lx[s];
  to.l2[s] = from.l2[s];
  to.error[s] = from.error[s];
}

// Takes the blocks of `tried` that have less error.
HWY_INLINE void take_better_blocks(const ScaledType& type, const Choice& tried, Choice& best) {
  for (int s = 0; s < width; s += type.count) {
    float error = 0, least = 0;
    for (int j = s; j < s + type.count; ++j) {
      error += tried.error[j];
      least += best.error[j];
    }
    if (!(error < least)) continue;
    for (int j = s; j < s + type.count; ++j) take_lane(tried, j, best);
  }
}

// Whole scales next to those of `choice`, one sub-block apart from the other.
template <class Levels>
HWY_INLINE void refine_scales(const ScaledType& type, const Levels& nearest, const LaneBlocks& in,
                              Choice& choice) {
  evaluate(type, nearest, in, choice);
  const Choice start = choice;
  for (const int move : {-1, 1}) {
    Choice tried = start;
    for (int s = 0; s < width; ++s)
      tried.scales[s] = std::clamp(start.scales[s] + move, type.scale_low, type.scale_high);
    evaluate(type, nearest, in, tried);
    for (int s = 0; s < width; ++s)
      if (tried.error[s] < choice.error[s]) take_lane(tried, s, choice);
  }
}

// d by least squares under the levels and whole scales of `choice`.
HWY_INLINE void refit_steps(const ScaledType& type, const LaneBlocks& in, Choice& choice) {
  for (int s = 0; s < width; s += type.count) {
    double lx = 0, l2 = 0;
    for (int j = s; j < s + type.count; ++j) {
      const double scale = choice.scales[j];
      lx += scale * choice.lx[j];
      l2 += scale * scale * choice.l2[j];
    }
    if (!(l2 > 0)) continue;
    std::fill_n(choice.d + s, type.count, half_of(lx / l2, in.unit[s]));
  }
}

template <class Levels>
HWY_INLINE void search_scales(const ScaledType& type, const Levels& nearest, ScaledLanes& lane,
                              Choice& best) {
  find_scales(type, nearest, lane);
  std::fill_n(best.error, width, 1e30f);
  constexpr int candidates = 3;
  float steps[width][candidates];
  for (int s = 0; s < width; s += type.count)
    propose_steps({lane.scale + s, lane.l2 + s, type.count, type.scale_low, type.scale_high},
                  candidates, steps[s]);
  for (int c = 0; c < candidates; ++c) {
    Choice choice;
    for (int s = 0; s < width; ++s) {
      choice.d[s] = half_of(steps[s / type.count * type.count][c], lane.in.unit[s]);
      choice.scales[s] = whole_scale(lane.scale[s], step_of(choice.d[s], lane.in.unit[s]),
                                     type.scale_low, type.scale_high);
    }
    for (int round = 0; round < 3; ++round) {
      refine_scales(type, nearest, lane.in, choice);
      take_better_blocks(type, choice, best);
      refit_steps(type, lane.in, choice);
    }
  }
}

// Blocks of one scale: d is the scale itself.
template <class Levels>
HWY_INLINE void search_scale(const ScaledType& type, const Levels& nearest, ScaledLanes& lane,
                             Choice& best) {
  find_scales(type, nearest, lane);
  for (int s = 0; s < width; ++s) {
    best.d[s] = half_of(lane.scale[s], lane.in.unit[s]);
    best.scales[s] = 1;
  }
  evaluate(type, nearest, lane.in, best);
}

template <class Levels>
HWY_INLINE void try_neighbours(const ScaledType& type, const Levels& nearest, const LaneBlocks& in,
                               Choice& best) {
  const Choice start = best;
  for (const int move : {-1, 1}) {
    Choice tried = start;
    for (int s = 0; s < width; ++s) tried.d[s] = near_f16(start.d[s], move);
    evaluate(type, nearest, in, tried);
    take_better_blocks(type, tried, best);
  }
}

HWY_INLINE void choose_fast(const ScaledType& type, ScaledLanes& lane, Choice& best) {
  spread_scales(type, lane);
  for (int s = 0; s < width; s += type.count) {
    float largest = 0;
    for (int j = s; j < s + type.count; ++j)
      if (std::fabs(lane.scale[j]) > std::fabs(largest)) largest = lane.scale[j];
    const float step = largest / static_cast<float>(type.scale_low);
    for (int j = s; j < s + type.count; ++j) {
      best.d[j] = half_of(step, lane.in.unit[s]);
      best.scales[j] = whole_scale(lane.scale[j], step_of(best.d[j], lane.in.unit[s]),
                                   type.scale_low, type.scale_high);
    }
  }
}

template <class Levels>
HWY_INLINE void write_levels(const ScaledType& type, const Levels& nearest, const LaneBlocks& in,
                             const Choice& best, FittedBlock* out) {
  const LaneI i32;
  alignas(64) float scale[width];
  for (int s = 0; s < width; ++s) {
    out[s / type.count].d = best.d[s];
    out[s / type.count].scales[s % type.count] = static_cast<int16_t>(best.scales[s]);
    scale[s] = step_of(best.d[s], in.unit[s]) * static_cast<float>(best.scales[s]);
  }
  alignas(64) int32_t levels[width];
  for (int i = 0; i < type.sub; ++i) {
    for (int at = 0; at < width; at += lanes) {
      const VecF v = hn::Mul(inverse_of(load(scale + at)), load(in.x + i * width + at));
      hn::Store(hn::ConvertTo(i32, nearest(v)), i32, levels + at);
    }
    for (int s = 0; s < width; ++s)
      out[s / type.count].levels[s % type.count * type.sub + i] = static_cast<int8_t>(levels[s]);
  }
}

template <class Levels>
HWY_INLINE void fit_with(const ScaledType& type, Effort effort, const LaneBlocks& in,
                         FittedBlock* out) {
  const Levels nearest(type);
  ScaledLanes lane = {.in = in};
  Choice best;
  if (effort == Effort::fast) {
    choose_fast(type, lane, best);
  } else {
    if (type.count == 1)
      search_scale(type, nearest, lane, best);
    else
      search_scales(type, nearest, lane, best);
    try_neighbours(type, nearest, in, best);
  }
  write_levels(type, nearest, in, best, out);
}

void fit_scaled(const ScaledType& type, Effort effort, const LaneBlocks& in, FittedBlock* out) {
  switch (type.set) {
    case LevelSet::whole: return fit_with<WholeLevels>(type, effort, in, out);
    case LevelSet::iq4: return fit_with<Iq4Levels>(type, effort, in, out);
    case LevelSet::sign: return fit_with<SignLevels>(type, effort, in, out);
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace {
HWY_EXPORT(fit_scaled);
}  // namespace

void fit(const ScaledType& type, Effort effort, const float* x, const float* w, int64_t blocks,
         std::byte* out) {
  LaneBlocks lanes;
  lay_side_by_side(x, w, type.sub, type.count, blocks, lanes);
  FittedBlock fitted[16];
  const auto kernel = HWY_DYNAMIC_DISPATCH(fit_scaled);
  kernel(type, effort, lanes, fitted);
  for (int64_t b = 0; b < blocks; ++b, out += type.block_bytes)
    if (lanes.unit[b * type.count] > 0) type.pack(fitted[b], out);
}

}  // namespace recast::codec
#endif

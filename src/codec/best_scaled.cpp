// The searches of best.h for x = d * scale * level.
//
// Every sub-block looks for the real scale that suits it best: it tries many, rounds to levels and
// fits the scale by least squares. Where sub-blocks share d, each candidate d is judged by what the
// whole scales next to the real ones lose; the best few are refined in turn: whole scales, levels,
// d by least squares. At last f16 neighbours of d are compared.
#include <algorithm>
#include <cmath>

#include "codec/best.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/best_scaled.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/best-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

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

// The best scale so far in each lane, the inverse that led to it, its l2 and lx^2 / l2.
struct ScaleFit {
  VecF scale, inverse, l2, gain;
};

template <class Levels>
HWY_INLINE void try_inverse(const Levels& nearest, const float* x, const float* w, int n,
                            VecF inverse, ScaleFit& best) {
  const LevelSums s = sums_at(nearest, x, w, n, inverse, inverse);
  const MaskF better = hn::And(hn::Gt(s.l2, hn::Zero(LaneF())),
                               hn::Gt(hn::Mul(s.lx, s.lx), hn::Mul(best.gain, s.l2)));
  if (hn::AllFalse(LaneF(), better)) return;
  const VecF scale = hn::Div(s.lx, s.l2);
  best.scale = hn::IfThenElse(better, scale, best.scale);
  best.inverse = hn::IfThenElse(better, inverse, best.inverse);
  best.l2 = hn::IfThenElse(better, s.l2, best.l2);
  best.gain = hn::IfThenElse(better, hn::Mul(scale, s.lx), best.gain);
}

// Real scales: where they usually lie, then far around, for values without much weight may be the
// largest, then close to the best.
template <class Levels>
HWY_INLINE void find_scales(const ScaledType& type, const Levels& nearest, ScaledLanes& lane) {
  const bool mirrored = type.low == -type.high;
  const VecF zero = hn::Zero(LaneF());
  for (int at = 0; at < width; at += lanes) {
    const float *x = lane.in.x + at, *w = lane.in.w + at;
    const VecF unit = inverse_of(largest_weighted(x, w, type.sub));
    ScaleFit best = {zero, zero, zero, zero};
    const auto try_place = [&](float place) HWY_ATTR {
      try_inverse(nearest, x, w, type.sub, hn::Mul(set(place), unit), best);
      if (!mirrored) try_inverse(nearest, x, w, type.sub, hn::Mul(set(-place), unit), best);
    };
    const float step = (type.last - type.first) / static_cast<float>(type.tries - 1);
    for (int t = 0; t < type.tries; ++t)
      try_place(type.first + step * static_cast<float>(t));
    float place = 0.5f * type.first;
    for (int t = 0; t < type.wide; ++t, place *= 1.125f) try_place(place);
    const VecF middle = best.inverse;
    for (int t = -type.close; t <= type.close; ++t) {
      const float factor = 1 + 0.06f * static_cast<float>(t) / static_cast<float>(type.close + 1);
      try_inverse(nearest, x, w, type.sub, hn::Mul(middle, set(factor)), best);
    }
    for (int round = 0; round < 3; ++round)
      try_inverse(nearest, x, w, type.sub, inverse_of(best.scale), best);
    store(best.scale, lane.scale + at);
    store(best.l2, lane.l2 + at);
  }
}

// One choice of d for each block (the same in all its lanes; `step` is its value) and of a whole
// scale for each sub-block, with the sums of each lane.
struct Choice {
  uint16_t d[width] = {};
  alignas(64) float step[width] = {};
  alignas(64) float scales[width] = {};  // whole numbers
  alignas(64) float lx[width], l2[width], error[width];

  HWY_INLINE void set_step(int first, int count, uint16_t half, double unit) {
    std::fill_n(d + first, count, half);
    std::fill_n(step + first, count, step_of(half, unit));
  }
  // Takes lanes first ... first + count - 1 of another choice.
  HWY_INLINE void take(const Choice& from, int first, int count) {
    std::copy_n(from.d + first, count, d + first);
    for (const auto member : {&Choice::step, &Choice::scales, &Choice::lx, &Choice::l2,
                              &Choice::error})
      std::copy_n(from.*member + first, count, this->*member + first);
  }
  // Takes scales and sums of the lanes that have less error there, under the same d.
  HWY_INLINE void take_better_lanes(const Choice& from) {
    for (int at = 0; at < width; at += lanes) {
      const MaskF better = hn::Lt(load(from.error + at), load(error + at));
      for (const auto member : {&Choice::scales, &Choice::lx, &Choice::l2, &Choice::error})
        store(hn::IfThenElse(better, load(from.*member + at), load(this->*member + at)),
              this->*member + at);
    }
  }
};

template <class Levels>
HWY_INLINE void evaluate(const ScaledType& type, const Levels& nearest, const LaneBlocks& in,
                         Choice& choice) {
  for (int at = 0; at < width; at += lanes) {
    const VecF v = hn::Mul(load(choice.step + at), load(choice.scales + at));
    const LevelSums sums = sums_at(nearest, in.x + at, in.w + at, type.sub, inverse_of(v), v);
    store(sums.lx, choice.lx + at);
    store(sums.l2, choice.l2 + at);
    store(sums.error, choice.error + at);
  }
}

// Takes the blocks of `tried` that have less error.
HWY_INLINE void take_better_blocks(const ScaledType& type, const Choice& tried, Choice& best) {
  for (int s = 0; s < width; s += type.count) {
    float error = 0, least = 0;
    for (int j = s; j < s + type.count; ++j) {
      error += tried.error[j];
      least += best.error[j];
    }
    if (error < least) best.take(tried, s, type.count);
  }
}

// Whole scales next to those of `choice`, one sub-block apart from the other.
template <class Levels>
HWY_INLINE void refine_scales(const ScaledType& type, const Levels& nearest, const LaneBlocks& in,
                              Choice& choice) {
  evaluate(type, nearest, in, choice);
  const Choice start = choice;
  for (const float move : {-1.0f, 1.0f}) {
    Choice tried = start;
    for (int s = 0; s < width; ++s)
      tried.scales[s] = std::clamp(start.scales[s] + move, static_cast<float>(type.scale_low),
                                   static_cast<float>(type.scale_high));
    evaluate(type, nearest, in, tried);
    choice.take_better_lanes(tried);
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
    choice.set_step(s, type.count, half_of(lx / l2, in.unit[s]), in.unit[s]);
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
    for (int s = 0; s < width; s += type.count)
      choice.set_step(s, type.count, half_of(steps[s][c], lane.in.unit[s]), lane.in.unit[s]);
    for (int at = 0; at < width; at += lanes)
      store(whole_scales(load(lane.scale + at), load(choice.step + at), type.scale_low,
                         type.scale_high),
            choice.scales + at);
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
    best.set_step(s, 1, half_of(lane.scale[s], lane.in.unit[s]), lane.in.unit[s]);
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
    for (int s = 0; s < width; s += type.count)
      tried.set_step(s, type.count, near_f16(start.d[s], move), in.unit[s]);
    evaluate(type, nearest, in, tried);
    take_better_blocks(type, tried, best);
  }
}

template <class Levels>
HWY_INLINE void write_levels(const ScaledType& type, const Levels& nearest, const LaneBlocks& in,
                             const Choice& best, FittedBlock* out) {
  for (int s = 0; s < width; ++s) {
    out[s / type.count].d = best.d[s];
    out[s / type.count].scales[s % type.count] = static_cast<int16_t>(best.scales[s]);
  }
  const auto level_at = [&](int i, int at) HWY_ATTR {
    const VecF scale = hn::Mul(load(best.step + at), load(best.scales + at));
    return nearest(hn::Mul(inverse_of(scale), load(in.x + i * width + at)));
  };
  store_levels(type.sub, type.count, level_at, out);
}

template <class Levels>
HWY_INLINE void fit_with(const ScaledType& type, const LaneBlocks& in, FittedBlock* out) {
  const Levels nearest(type);
  ScaledLanes lane = {.in = in};
  Choice best;
  if (type.count == 1)
    search_scale(type, nearest, lane, best);
  else
    search_scales(type, nearest, lane, best);
  try_neighbours(type, nearest, in, best);
  write_levels(type, nearest, in, best, out);
}

void fit_scaled(const ScaledType& type, const LaneBlocks& in, FittedBlock* out) {
  switch (type.set) {
    case LevelSet::whole: return fit_with<WholeLevels>(type, in, out);
    case LevelSet::iq4: return fit_with<Iq4Levels>(type, in, out);
    case LevelSet::sign: return fit_with<SignLevels>(type, in, out);
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace {
HWY_EXPORT(fit_scaled);
}  // namespace

void fit(const ScaledType& type, const float* x, const float* w, int64_t blocks, std::byte* out) {
  fit_side_by_side(type, HWY_DYNAMIC_DISPATCH(fit_scaled), x, w, blocks, out);
}

}  // namespace recast::codec
#endif

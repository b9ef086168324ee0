// The search of best.h for x = d * scale * level - dmin * min.
//
// Every sub-block looks for the real scale and minimum that suit it best: several ranges, narrower
// and wider than its values, are cut into levels and fitted by least squares, the best one again.
// Then each candidate d, with the dmin that goes with it, is refined in turn: whole scales and
// minima, levels, d and dmin by least squares. At last f16 neighbours of d and dmin are compared.
#include <algorithm>
#include <cmath>

#include "codec/best.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/best_affine.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/best-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// Over the values of each lane, levels being the nearest ones of scale * level - min: sums of
// w * level, w * level^2, w * level * x, and the weighted squared error.
struct AffineSums {
  VecF l, l2, lx, error;
};
HWY_INLINE AffineSums sums_at(const AffineType& type, const float* x, const float* w, VecF inverse,
                              VecF scale, VecF min) {
  const VecF zero = hn::Zero(LaneF()), top = set(static_cast<float>(type.top));
  AffineSums s = {zero, zero, zero, zero};
  for (int i = 0; i < type.sub; ++i) {
    const VecF value = load(x + i * width), weight = load(w + i * width);
    const VecF l = clamped_whole(hn::Mul(hn::Add(value, min), inverse), zero, top);
    const VecF wl = hn::Mul(weight, l);
    const VecF e = hn::Sub(hn::Sub(hn::Mul(scale, l), min), value);
    s.l = hn::Add(s.l, wl);
    s.l2 = hn::Add(s.l2, hn::Mul(wl, l));
    s.lx = hn::Add(s.lx, hn::Mul(wl, value));
    s.error = hn::Add(s.error, hn::Mul(weight, hn::Mul(e, e)));
  }
  return s;
}

// What does not depend on levels.
struct AffineRange {
  VecF low, high;  // of values with a weight
  VecF w, x;       // sums of w and of w * x
};
HWY_INLINE AffineRange range_of(const AffineType& type, const float* x, const float* w) {
  const VecF zero = hn::Zero(LaneF());
  AffineRange r = {set(8), set(-8), zero, zero};
  for (int i = 0; i < type.sub; ++i) {
    const VecF value = load(x + i * width), weight = load(w + i * width);
    const MaskF counts = hn::Gt(weight, zero);
    r.low = hn::IfThenElse(counts, hn::Min(r.low, value), r.low);
    r.high = hn::IfThenElse(counts, hn::Max(r.high, value), r.high);
    r.w = hn::Add(r.w, weight);
    r.x = hn::Add(r.x, hn::Mul(weight, value));
  }
  if (type.scale_top > 1) r.low = hn::Min(r.low, zero);  // minima are not negative
  return r;
}

struct RealAffine {
  VecF scale, min, gain;  // gain: by how much the squared error is less than without levels
};

// Least squares. Where minima cannot be negative and would be, 0.
HWY_INLINE RealAffine solve(const AffineType& type, const AffineRange& r, const AffineSums& s) {
  const VecF zero = hn::Zero(LaneF());
  const VecF determinant = hn::Sub(hn::Mul(r.w, s.l2), hn::Mul(s.l, s.l));
  const MaskF regular = hn::Gt(determinant, hn::Mul(set(1e-6f), hn::Mul(r.w, s.l2)));
  const VecF inverse = hn::IfThenElseZero(regular, hn::Div(set(1), determinant));
  VecF scale = hn::Mul(hn::Sub(hn::Mul(r.w, s.lx), hn::Mul(r.x, s.l)), inverse);
  VecF min = hn::Mul(hn::Sub(hn::Mul(s.l, s.lx), hn::Mul(s.l2, r.x)), inverse);
  if (type.scale_top > 1) {
    const MaskF below = hn::Lt(min, zero);
    scale = hn::IfThenElse(below, hn::Mul(s.lx, inverse_of(s.l2)), scale);
    min = hn::IfThenElse(below, zero, min);
  }
  const VecF gain = hn::Sub(hn::Mul(scale, s.lx), hn::Mul(min, r.x));
  return {scale, min, hn::IfThenElse(regular, gain, set(-1))};
}

// 16 sub-blocks and what was found for them.
struct AffineLanes {
  const LaneBlocks& in;
  alignas(64) float scale[width], min[width];
  alignas(64) float w[width], x[width], l[width], l2[width];  // sums
};

// By how much the ends of a range move in. Far for values without much weight.
constexpr float cuts[8] = {-1, 0, 1, 2, 4, 8, 12, 16};

HWY_INLINE void find_affine(const AffineType& type, AffineLanes& lane) {
  const VecF zero = hn::Zero(LaneF());
  for (int at = 0; at < width; at += lanes) {
    const float *x = lane.in.x + at, *w = lane.in.w + at;
    const AffineRange r = range_of(type, x, w);
    const VecF size = hn::Sub(r.high, r.low);
    RealAffine best = {zero, hn::Neg(r.low), zero};
    const auto take = [&](const RealAffine& tried) HWY_ATTR {
      const MaskF better = hn::Gt(tried.gain, best.gain);
      best.scale = hn::IfThenElse(better, tried.scale, best.scale);
      best.min = hn::IfThenElse(better, tried.min, best.min);
      best.gain = hn::IfThenElse(better, tried.gain, best.gain);
    };
    for (int t = 0; t < type.cuts * type.cuts; ++t) {
      const float below = type.cut * cuts[t % type.cuts], above = type.cut * cuts[t / type.cuts];
      const VecF low = hn::Add(r.low, hn::Mul(set(below), size));
      const VecF inverse = hn::Mul(set(static_cast<float>(type.top) / (1 - below - above)),
                                   inverse_of(size));
      take(solve(type, r, sums_at(type, x, w, inverse, zero, hn::Neg(low))));
    }
    for (int round = 0; round < 3; ++round)
      take(solve(type, r, sums_at(type, x, w, inverse_of(best.scale), zero, best.min)));
    const AffineSums s = sums_at(type, x, w, inverse_of(best.scale), zero, best.min);
    store(best.scale, lane.scale + at);
    store(best.min, lane.min + at);
    store(r.w, lane.w + at);
    store(r.x, lane.x + at);
    store(s.l, lane.l + at);
    store(s.l2, lane.l2 + at);
  }
}

// One choice of d and dmin for each block (the same in all its lanes; `step` and `min_step` are
// their values) and of a whole scale and minimum for each sub-block, with the sums of each lane.
struct AffineChoice {
  uint16_t d[width] = {}, dmin[width] = {};
  alignas(64) float step[width] = {}, min_step[width] = {};
  alignas(64) float scales[width] = {}, mins[width] = {};  // whole numbers
  alignas(64) float l[width], l2[width], lx[width], error[width];

  HWY_INLINE void set_step(int first, int count, uint16_t half, double unit) {
    std::fill_n(d + first, count, half);
    std::fill_n(step + first, count, step_of(half, unit));
  }
  HWY_INLINE void set_min_step(int first, int count, uint16_t half, double unit) {
    std::fill_n(dmin + first, count, half);
    std::fill_n(min_step + first, count, step_of(half, unit));
  }
  // Takes lanes first ... first + count - 1 of another choice.
  HWY_INLINE void take(const AffineChoice& from, int first, int count) {
    using C = AffineChoice;
    std::copy_n(from.d + first, count, d + first);
    std::copy_n(from.dmin + first, count, dmin + first);
    for (const auto member : {&C::step, &C::min_step, &C::scales, &C::mins, &C::l, &C::l2, &C::lx,
                              &C::error})
      std::copy_n(from.*member + first, count, this->*member + first);
  }
  // Takes scales, minima and sums of the lanes that have less error there, d and dmin being equal.
  HWY_INLINE void take_better_lanes(const AffineChoice& from) {
    using C = AffineChoice;
    for (int at = 0; at < width; at += lanes) {
      const MaskF better = hn::Lt(load(from.error + at), load(error + at));
      for (const auto member : {&C::scales, &C::mins, &C::l, &C::l2, &C::lx, &C::error})
        store(hn::IfThenElse(better, load(from.*member + at), load(this->*member + at)),
              this->*member + at);
    }
  }
};

HWY_INLINE void evaluate(const AffineType& type, const LaneBlocks& in, AffineChoice& choice) {
  for (int at = 0; at < width; at += lanes) {
    const VecF scale = hn::Mul(load(choice.step + at), load(choice.scales + at));
    const VecF min = hn::Mul(load(choice.min_step + at), load(choice.mins + at));
    const AffineSums s = sums_at(type, in.x + at, in.w + at, inverse_of(scale), scale, min);
    store(s.l, choice.l + at);
    store(s.l2, choice.l2 + at);
    store(s.lx, choice.lx + at);
    store(s.error, choice.error + at);
  }
}

HWY_INLINE void take_better_blocks(const AffineType& type, const AffineChoice& tried,
                                   AffineChoice& best) {
  for (int s = 0; s < width; s += type.count) {
    float error = 0, least = 0;
    for (int j = s; j < s + type.count; ++j) {
      error += tried.error[j];
      least += best.error[j];
    }
    if (error < least) best.take(tried, s, type.count);
  }
}

// Candidates of d and dmin, with the codes next to the real scales and minima.
constexpr int affine_candidates = 3;
HWY_INLINE void propose(const AffineType& type, const AffineLanes& lane, AffineChoice* choices) {
  alignas(64) float slope[width], costs[width], mins[width];
  for (int at = 0; at < width; at += lanes) {
    const VecF l = load(lane.l + at), v = hn::Mul(l, inverse_of(load(lane.w + at)));
    store(v, slope + at);
    store(hn::Sub(load(lane.l2 + at), hn::Mul(l, v)), costs + at);
  }
  float steps[width][affine_candidates], min_step;
  for (int s = 0; s < width; s += type.count)
    propose_steps({lane.scale + s, costs + s, type.count, 0, type.scale_top}, affine_candidates,
                  steps[s]);
  for (int c = 0; c < affine_candidates; ++c) {
    AffineChoice& choice = choices[c];
    for (int s = 0; s < width; s += type.count)
      choice.set_step(s, type.count, half_of(steps[s][c], lane.in.unit[s]), lane.in.unit[s]);
    for (int at = 0; at < width; at += lanes) {
      // A scale that is not quite right asks for another minimum.
      const VecF scale = load(lane.scale + at), step = load(choice.step + at);
      const VecF whole = whole_scales(scale, step, 0, type.scale_top);
      const VecF off = hn::Sub(hn::Mul(step, whole), scale);
      const VecF min = hn::Add(load(lane.min + at), hn::Mul(load(slope + at), off));
      store(whole, choice.scales + at);
      store(hn::Max(min, hn::Zero(LaneF())), mins + at);
    }
    for (int s = 0; s < width; s += type.count) {
      propose_steps({mins + s, lane.w + s, type.count, 0, type.scale_top}, 1, &min_step);
      choice.set_min_step(s, type.count, half_of(min_step, lane.in.unit[s]), lane.in.unit[s]);
    }
    for (int at = 0; at < width; at += lanes)
      store(whole_scales(load(mins + at), load(choice.min_step + at), 0, type.scale_top),
            choice.mins + at);
  }
}

// Whole scales and minima next to those of `choice`, one sub-block apart from the other.
HWY_INLINE void refine_codes(const AffineType& type, const LaneBlocks& in, AffineChoice& choice) {
  constexpr float moves[][2] = {{-1, -1}, {-1, 0}, {0, -1}, {0, 1}, {1, 0}, {1, 1}};
  const float top = static_cast<float>(type.scale_top);
  evaluate(type, in, choice);
  const AffineChoice start = choice;
  for (const auto& move : moves) {
    AffineChoice tried = start;
    for (int s = 0; s < width; ++s) {
      tried.scales[s] = std::clamp(start.scales[s] + move[0], 0.0f, top);
      tried.mins[s] = std::clamp(start.mins[s] + move[1], 0.0f, top);
    }
    evaluate(type, in, tried);
    choice.take_better_lanes(tried);
  }
}

// d and dmin by least squares under the levels, whole scales and minima of `choice`.
HWY_INLINE void refit_steps(const AffineType& type, const AffineLanes& lane,
                            AffineChoice& choice) {
  for (int s = 0; s < width; s += type.count) {
    double a = 0, b = 0, c = 0, u = 0, v = 0;  // a d - b dmin = u, b d - c dmin = v
    for (int j = s; j < s + type.count; ++j) {
      const double scale = choice.scales[j], min = choice.mins[j];
      a += scale * scale * choice.l2[j];
      b += scale * min * choice.l[j];
      c += min * min * lane.w[j];
      u += scale * choice.lx[j];
      v += min * lane.x[j];
    }
    const double determinant = a * c - b * b;
    if (!(a > 0)) continue;
    const bool regular = determinant > 1e-9 * a * c;
    const double d = regular ? (u * c - v * b) / determinant : u / a;
    const double unit = lane.in.unit[s];
    choice.set_step(s, type.count, half_of(d, unit), unit);
    if (!regular) continue;
    choice.set_min_step(s, type.count, half_of((u * b - v * a) / determinant, unit), unit);
  }
}

HWY_INLINE void search_steps(const AffineType& type, AffineLanes& lane, AffineChoice& best) {
  AffineChoice choices[affine_candidates];
  propose(type, lane, choices);
  std::fill_n(best.error, width, 1e30f);
  for (AffineChoice& choice : choices)
    for (int round = 0; round < type.rounds; ++round) {
      refine_codes(type, lane.in, choice);
      take_better_blocks(type, choice, best);
      refit_steps(type, lane, choice);
    }
}

// Blocks of one scale and minimum: d and dmin are these.
HWY_INLINE void round_steps(const AffineType& type, AffineLanes& lane, AffineChoice& best) {
  for (int s = 0; s < width; ++s) {
    best.set_step(s, 1, half_of(lane.scale[s], lane.in.unit[s]), lane.in.unit[s]);
    best.set_min_step(s, 1, half_of(lane.min[s], lane.in.unit[s]), lane.in.unit[s]);
    best.scales[s] = best.mins[s] = 1;
  }
  evaluate(type, lane.in, best);
  AffineChoice choice = best;
  for (int round = 0; round < type.rounds; ++round) {
    refit_steps(type, lane, choice);
    evaluate(type, lane.in, choice);
    take_better_blocks(type, choice, best);
  }
}

HWY_INLINE void try_neighbours(const AffineType& type, const LaneBlocks& in, AffineChoice& best) {
  const AffineChoice start = best;
  for (int move = 0; move < 9; ++move) {
    if (move == 4) continue;
    AffineChoice tried = start;
    for (int s = 0; s < width; s += type.count) {
      tried.set_step(s, type.count, near_f16(start.d[s], move % 3 - 1), in.unit[s]);
      tried.set_min_step(s, type.count, near_f16(start.dmin[s], move / 3 - 1), in.unit[s]);
    }
    evaluate(type, in, tried);
    take_better_blocks(type, tried, best);
  }
}

HWY_INLINE void write_blocks(const AffineType& type, const LaneBlocks& in,
                             const AffineChoice& best, FittedBlock* out) {
  for (int s = 0; s < width; ++s) {
    FittedBlock& block = out[s / type.count];
    block.d = best.d[s];
    block.dmin = best.dmin[s];
    block.scales[s % type.count] = static_cast<int16_t>(best.scales[s]);
    block.mins[s % type.count] = static_cast<uint8_t>(best.mins[s]);
  }
  const auto level_at = [&](int i, int at) HWY_ATTR {
    const VecF scale = hn::Mul(load(best.step + at), load(best.scales + at));
    const VecF min = hn::Mul(load(best.min_step + at), load(best.mins + at));
    const VecF v = hn::Mul(hn::Add(load(in.x + i * width + at), min), inverse_of(scale));
    return clamped_whole(v, hn::Zero(LaneF()), set(static_cast<float>(type.top)));
  };
  store_levels(type.sub, type.count, level_at, out);
}

void fit_affine(const AffineType& type, const LaneBlocks& in, FittedBlock* out) {
  AffineLanes lane = {.in = in};
  AffineChoice best;
  find_affine(type, lane);
  if (type.count == 1)
    round_steps(type, lane, best);
  else
    search_steps(type, lane, best);
  try_neighbours(type, in, best);
  write_blocks(type, in, best, out);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace {
HWY_EXPORT(fit_affine);
}  // namespace

void fit(const AffineType& type, const float* x, const float* w, int64_t blocks, std::byte* out) {
  fit_side_by_side(type, HWY_DYNAMIC_DISPATCH(fit_affine), x, w, blocks, out);
}

}  // namespace recast::codec
#endif

// The searches of search.h for one vector of sub-blocks, one in each lane; arrays as in
// lanes-inl.h. In place of codes they leave the numbers from which codes follow.
#if defined(RECAST_CODEC_SEARCH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_SEARCH_INL_H
#undef RECAST_CODEC_SEARCH_INL_H
#else
#define RECAST_CODEC_SEARCH_INL_H
#endif

#include "codec/lanes-inl.h"
#include "codec/search.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// ---- scale and minimum -------------------------------------------------------------------------

// Codes are clamp(rounded(inverse * (x - origin))).
struct AffineFit {
  VecF scale, min, inverse, origin;
};

template <int n, bool absolute>
HWY_INLINE VecF affine_error(const float* x, const float* w, const float* codes, VecF scale,
                             VecF min) {
  VecF sum = hn::Zero(LaneF());
  for (int i = 0; i < n; ++i) {
    const VecF e = hn::Sub(hn::Add(hn::Mul(scale, load(codes + i * lanes)), min),
                           load(x + i * width));
    sum = hn::Add(sum, hn::Mul(load(w + i * width), absolute ? hn::Abs(e) : hn::Mul(e, e)));
  }
  return sum;
}

struct AffineSums {
  VecF l, l2, lx;
};

// Codes of one try and the sums over them.
template <int n, bool exact>
HWY_INLINE AffineSums round_affine(const float* x, const float* w, VecF inverse, VecF origin,
                                   float top, float* codes) {
  const VecF zero = hn::Zero(LaneF());
  AffineSums sums = {zero, zero, zero};
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width);
    const VecF l = code_of<exact>(hn::Mul(inverse, hn::Sub(value, origin)), 0, top);
    store(l, codes + i * lanes);
    const VecF wl = hn::Mul(load(w + i * width), l);
    sums.l = hn::Add(sums.l, wl);
    sums.l2 = hn::Add(sums.l2, hn::Mul(wl, l));
    sums.lx = hn::Add(sums.lx, hn::Mul(wl, value));
  }
  return sums;
}

// Smallest and largest value, sums of w and of w * x, each from the first value on.
struct AffineRange {
  VecF low, high, w, wx;
};
template <int n>
HWY_INLINE AffineRange affine_range(const float* x, const float* w) {
  AffineRange r = {load(x), load(x), load(w), hn::Mul(load(w), load(x))};
  for (int i = 1; i < n; ++i) {
    const VecF value = load(x + i * width), weight = load(w + i * width);
    r.low = hn::IfThenElse(hn::Lt(value, r.low), value, r.low);
    r.high = hn::IfThenElse(hn::Lt(r.high, value), value, r.high);
    r.w = hn::Add(r.w, weight);
    r.wx = hn::Add(r.wx, hn::Mul(weight, value));
  }
  return r;
}

// One try: takes what fits better into `fit` and `best`.
template <int n, bool absolute>
HWY_INLINE void try_affine(const float* x, const float* w, const AffineRange& range, MaskF flat,
                           float near, float top, float* codes, AffineFit& fit, VecF& best) {
  const LaneF f;
  const VecF zero = hn::Zero(f), origin = fit.min;
  // Any size will do where all codes are 0.
  const VecF size = hn::IfThenElse(flat, set(1), hn::Sub(range.high, origin));
  const VecF inverse = hn::Div(set(near), size);
  const bool simple = in_range(hn::Mul(inverse, hn::Sub(range.high, origin))) &&
                      in_range(hn::Mul(inverse, hn::Sub(range.low, origin)));
  const AffineSums s = simple ? round_affine<n, false>(x, w, inverse, origin, top, codes)
                              : round_affine<n, true>(x, w, inverse, origin, top, codes);
  const VecF determinant = hn::Sub(hn::Mul(range.w, s.l2), hn::Mul(s.l, s.l));
  const MaskF regular = hn::Gt(determinant, zero);
  if (hn::AllFalse(f, regular)) return;
  VecF scale = hn::Div(hn::Sub(hn::Mul(range.w, s.lx), hn::Mul(range.wx, s.l)), determinant);
  VecF min = hn::Div(hn::Sub(hn::Mul(s.l2, range.wx), hn::Mul(s.l, s.lx)), determinant);
  const MaskF above = hn::Gt(min, zero);
  scale = hn::IfThenElse(above, hn::Div(s.lx, s.l2), scale);
  min = hn::IfThenElse(above, zero, min);
  const VecF error = affine_error<n, absolute>(x, w, codes, scale, min);
  const MaskF better = hn::And(regular, hn::Lt(error, best));
  best = hn::IfThenElse(better, error, best);
  fit.scale = hn::IfThenElse(better, scale, fit.scale);
  fit.min = hn::IfThenElse(better, min, fit.min);
  fit.inverse = hn::IfThenElse(better, inverse, fit.inverse);
  fit.origin = hn::IfThenElse(better, origin, fit.origin);
}

// `min` is not negated here: x = scale * code + min.
template <int n, bool absolute>
HWY_NOINLINE AffineFit fit_affine(const scalar::AffineSearch& search, const float* x,
                                  const float* w) {
  const LaneF f;
  const VecF zero = hn::Zero(f);
  const float top = static_cast<float>(search.top);
  alignas(64) float codes[n * lanes];
  const AffineRange range = affine_range<n>(x, w);
  const VecF min = hn::IfThenElse(hn::Gt(range.low, zero), zero, range.low);
  const MaskF flat = hn::Eq(range.high, min);
  const VecF size = hn::IfThenElse(flat, set(1), hn::Sub(range.high, min));
  const VecF inverse = hn::Div(set(top), size);
  AffineFit fit = {hn::Div(set(1), inverse), min, inverse, min};
  const bool simple = in_range(hn::Mul(inverse, hn::Sub(range.high, min))) &&
                      in_range(hn::Mul(inverse, hn::Sub(range.low, min)));
  if (simple)
    round_affine<n, false>(x, w, inverse, min, top, codes);
  else
    round_affine<n, true>(x, w, inverse, min, top, codes);
  VecF best = affine_error<n, absolute>(x, w, codes, fit.scale, min);
  for (int t = 0; t <= search.tries; ++t) {
    const float near = search.first + search.step * static_cast<float>(t) + top;
    try_affine<n, absolute>(x, w, range, flat, near, top, codes, fit, best);
  }
  fit.scale = hn::IfThenElse(flat, zero, fit.scale);
  fit.min = hn::IfThenElse(flat, min, fit.min);
  fit.inverse = hn::IfThenElse(flat, zero, fit.inverse);
  fit.origin = hn::IfThenElse(flat, zero, fit.origin);
  return fit;
}

// ---- signed scale ------------------------------------------------------------------------------

// Codes are clamp(rounded(inverse * x)) + half, or 0 where inverse is 0.
struct SignedFit {
  VecF scale, inverse;
};

// The first value of largest magnitude. Lanes below 1e-15 say so in `small` and get 1.
template <int n>
HWY_INLINE VecF first_largest(const float* x, MaskF& small, bool& simple) {
  const LaneF f;
  VecF low = hn::Zero(f), high = low;
  MaskF finite = hn::Eq(low, low);
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width);
    finite = hn::And(finite, hn::Le(hn::Abs(value), set(3.0e38f)));
    low = hn::Min(value, low);  // a NaN, where it is not passed over, stays and is seen below
    high = hn::Max(value, high);
  }
  const VecF opposite = hn::Neg(low);
  const MaskF lower = hn::Gt(opposite, high);
  VecF largest = hn::IfThenElse(lower, low, high);
  if (!hn::AllTrue(f, hn::Or(lower, hn::Lt(opposite, high)))) {  // the first of equal magnitudes
    largest = hn::Zero(f);
    for (int i = 0; i < n; ++i) largest = larger_magnitude(largest, load(x + i * width));
  }
  simple = hn::AllTrue(f, finite);
  small = hn::Lt(hn::Abs(largest), set(1e-15f));
  return hn::IfThenElse(small, set(1), largest);
}

// The sums of `tries` inverse scales at once, since each addition waits for the one before.
template <int n, bool exact, int tries>
HWY_INLINE void sums_signed(const float* x, const float* w, const VecF (&inverse)[tries],
                            float half, VecF (&lx)[tries], VecF (&l2)[tries]) {
  for (int t = 0; t < tries; ++t) lx[t] = l2[t] = hn::Zero(LaneF());
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width), weight = load(w + i * width);
    const VecF wx = hn::Mul(weight, value);
    for (int t = 0; t < tries; ++t) {
      const VecF l = code_of<exact>(hn::Mul(inverse[t], value), -half, half - 1);
      lx[t] = hn::Add(lx[t], hn::Mul(wx, l));
      l2[t] = hn::Add(l2[t], hn::Mul(hn::Mul(weight, l), l));
    }
  }
}

template <int n, bool exact>
HWY_INLINE SignedFit fit_signed_from(VecF largest, float half, const float* x, const float* w) {
  constexpr int together = 3;
  const LaneF f;
  const VecF zero = hn::Zero(f);
  VecF inverse[1] = {hn::Div(set(-half), largest)}, lx[1], l2[1];
  sums_signed<n, exact>(x, w, inverse, half, lx, l2);
  const VecF scale = hn::IfThenZeroElse(hn::Eq(l2[0], zero), hn::Div(lx[0], l2[0]));
  SignedFit fit = {scale, inverse[0]};
  VecF best = hn::Mul(scale, lx[0]);
  for (int first = 0; first < 18; first += together) {
    VecF tried[together], tried_lx[together], tried_l2[together];
    for (int k = 0; k < together; ++k) {
      const int t = first + k - (first + k < 9 ? 9 : 8);  // -9 ... -1, 1 ... 9
      tried[k] = hn::Div(set(-(half + 0.1f * static_cast<float>(t))), largest);
    }
    sums_signed<n, exact>(x, w, tried, half, tried_lx, tried_l2);
    for (int k = 0; k < together; ++k) {
      const VecF qx = tried_lx[k], q2 = tried_l2[k];
      const MaskF better = hn::And(hn::Gt(q2, zero), hn::Gt(hn::Mul(qx, qx), hn::Mul(best, q2)));
      const VecF quotient = hn::Div(qx, q2);
      fit.scale = hn::IfThenElse(better, quotient, fit.scale);
      fit.inverse = hn::IfThenElse(better, tried[k], fit.inverse);
      best = hn::IfThenElse(better, hn::Mul(quotient, qx), best);
    }
  }
  return fit;
}

template <int n>
HWY_NOINLINE SignedFit fit_signed(int half, const float* x, const float* w) {
  MaskF small;
  bool simple;
  const float h = static_cast<float>(half);
  const VecF largest = first_largest<n>(x, small, simple);
  SignedFit fit = simple ? fit_signed_from<n, false>(largest, h, x, w)
                         : fit_signed_from<n, true>(largest, h, x, w);
  fit.scale = hn::IfThenZeroElse(small, fit.scale);
  fit.inverse = hn::IfThenZeroElse(small, fit.inverse);
  return fit;
}

// ---- sweeps ------------------------------------------------------------------------------------

// One code of each lane leaves the sums and a better one enters; `codes` are integers.
struct SweepSums {
  VecF lx, l2;
};

template <bool positive>
HWY_INLINE MaskF change_code(int low, int high, VecF x, VecF w, int32_t* codes, SweepSums& sums) {
  const LaneF f;
  const LaneI i32;
  const VecF zero = hn::Zero(f);
  const VecI current = hn::LoadU(i32, codes);
  const VecF l = hn::ConvertTo(f, current);
  const VecF wx = hn::Mul(w, x);
  const VecF lx = hn::Sub(sums.lx, hn::Mul(wx, l));
  const VecF l2 = hn::Sub(sums.l2, hn::Mul(hn::Mul(w, l), l));
  MaskF change = hn::Gt(lx, zero);
  if (positive) change = hn::And(change, hn::Gt(l2, zero));
  VecI next = rounded(hn::Div(hn::Mul(x, l2), lx));
  if (!positive) next = hn::Max(next, hn::Set(i32, low));
  next = hn::Min(next, hn::Set(i32, high));
  change = hn::And(change, hn::RebindMask(f, hn::Ne(next, current)));
  const VecF m = hn::ConvertTo(f, next);
  const VecF new_lx = hn::Add(lx, hn::Mul(wx, m));
  const VecF new_l2 = hn::Add(l2, hn::Mul(hn::Mul(w, m), m));
  if (!positive) change = hn::And(change, hn::Gt(new_l2, zero));
  change = hn::And(change, hn::Gt(hn::Mul(hn::Mul(new_lx, new_lx), sums.l2),
                                  hn::Mul(hn::Mul(sums.lx, sums.lx), new_l2)));
  if (positive) next = hn::And(next, hn::Set(i32, 255));
  hn::StoreU(hn::IfThenElse(hn::RebindMask(i32, change), next, current), i32, codes);
  sums.lx = hn::IfThenElse(change, new_lx, sums.lx);
  sums.l2 = hn::IfThenElse(change, new_l2, sums.l2);
  return change;
}

// ---- positive scale ----------------------------------------------------------------------------

// The inverse of the best of 9 scales.
template <int n>
HWY_INLINE VecF best_positive(int top, VecF largest, const float* x, const float* w) {
  const LaneF f;
  const LaneI i32;
  const float t0 = static_cast<float>(top);
  VecF inverse = hn::Div(set(t0), largest), best = hn::Zero(f);
  VecF scale = hn::Div(set(1), inverse);
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width), weight = load(w + i * width);
    const VecI code = hn::And(rounded(hn::Mul(inverse, value)), hn::Set(i32, 255));
    const VecF e = hn::Sub(value, hn::Mul(scale, hn::ConvertTo(f, code)));
    best = hn::Add(best, hn::Mul(hn::Mul(weight, e), e));
  }
  for (int t = -4; t <= 4; ++t) {
    if (t == 0) continue;
    const VecF near = hn::Div(set(0.1f * static_cast<float>(t) + t0), largest);
    scale = hn::Div(set(1), near);
    VecF error = hn::Zero(f);
    for (int i = 0; i < n; ++i) {
      const VecF value = load(x + i * width), weight = load(w + i * width);
      const VecI code = hn::Min(rounded(hn::Mul(near, value)), hn::Set(i32, top));
      const VecF e = hn::Sub(value, hn::Mul(scale, hn::ConvertTo(f, code)));
      error = hn::Add(error, hn::Mul(hn::Mul(weight, e), e));
    }
    const MaskF better = hn::Lt(error, best);
    best = hn::IfThenElse(better, error, best);
    inverse = hn::IfThenElse(better, near, inverse);
  }
  return inverse;
}

// Leaves the codes, rows of `width`; returns the scale.
template <int n>
HWY_NOINLINE VecF fit_positive(int top, const float* x, const float* w, int32_t* codes) {
  const LaneF f;
  const LaneI i32;
  VecF largest = hn::Zero(f);
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width);
    largest = hn::IfThenElse(hn::Lt(largest, value), value, largest);
  }
  const MaskF small = hn::Lt(largest, set(1e-15f));
  largest = hn::IfThenElse(small, set(1), largest);
  const VecF inverse = best_positive<n>(top, largest, x, w);
  SweepSums sums = {hn::Zero(f), hn::Zero(f)};
  for (int i = 0; i < n; ++i) {
    const VecF value = load(x + i * width), weight = load(w + i * width);
    const VecI code = hn::Min(rounded(hn::Mul(inverse, value)), hn::Set(i32, top));
    hn::StoreU(hn::And(code, hn::Set(i32, 255)), i32, codes + i * width);
    const VecF l = hn::ConvertTo(f, code);
    sums.lx = hn::Add(sums.lx, hn::Mul(hn::Mul(weight, value), l));
    sums.l2 = hn::Add(sums.l2, hn::Mul(hn::Mul(weight, l), l));
  }
  for (int sweep = 0; sweep < 5; ++sweep) {
    MaskF changed = hn::Lt(largest, largest);
    for (int i = 0; i < n; ++i)
      changed = hn::Or(changed, change_code<true>(0, top, load(x + i * width),
                                                  load(w + i * width), codes + i * width, sums));
    if (hn::AllFalse(f, changed)) break;
  }
  for (int i = 0; i < n; ++i)
    hn::StoreU(hn::IfThenZeroElse(hn::RebindMask(i32, small), hn::LoadU(i32, codes + i * width)),
               i32, codes + i * width);
  const VecF scale = hn::IfThenElseZero(hn::Gt(sums.l2, hn::Zero(f)), hn::Div(sums.lx, sums.l2));
  return hn::IfThenZeroElse(small, scale);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target

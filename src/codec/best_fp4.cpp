// The search of best.h for 4-bit floats under scales that can all be tried.
//
// From less than twice the first scale that covers every value downwards, until the values beyond
// the largest level alone cost more than the best scale. Nothing above can be better: where half of
// a scale still covers the values, its levels contain those of the whole.
#include <algorithm>
#include <cmath>

#include "codec/best.h"
#include "codec/fp4.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/best_fp4.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/best-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

constexpr float top_level = 12;

// The nearest of fp4_doubled: levels are 1 apart below 4, 2 below 8, then 4.
struct Fp4Levels {
  HWY_INLINE VecF operator()(VecF v) const {
    const VecF size = hn::Min(hn::Abs(v), set(top_level));
    VecF step = hn::IfThenElse(hn::Lt(size, set(4)), set(1), set(2));
    VecF inverse = hn::IfThenElse(hn::Lt(size, set(4)), set(1), set(0.5f));
    step = hn::IfThenElse(hn::Lt(size, set(8)), step, set(4));
    inverse = hn::IfThenElse(hn::Lt(size, set(8)), inverse, set(0.25f));
    return hn::CopySign(hn::Mul(nearest_whole(hn::Mul(size, inverse)), step), v);
  }
};

struct Fp4Lanes {
  int code[width], best[width];
  alignas(64) float scale[width], error[width], beyond[width], least[width], largest[width];
};

// The errors at `scale`, and what of them is certain at every scale below.
HWY_INLINE void try_scales(const Fp4Type& type, const LaneBlocks& in, Fp4Lanes& lane) {
  const Fp4Levels nearest;
  for (int at = 0; at < width; at += lanes) {
    const float *x = in.x + at, *w = in.w + at;
    const VecF scale = load(lane.scale + at), zero = hn::Zero(LaneF());
    store(sums_at(nearest, x, w, type.sub, inverse_of(scale), scale).error, lane.error + at);
    const VecF reach = hn::Mul(scale, set(top_level));
    VecF beyond = zero;
    for (int i = 0; i < type.sub; ++i) {
      const VecF e = hn::Max(hn::Sub(hn::Abs(load(x + i * width)), reach), zero);
      beyond = hn::Add(beyond, hn::Mul(load(w + i * width), hn::Mul(e, e)));
    }
    store(beyond, lane.beyond + at);
  }
}

HWY_INLINE void start(const Fp4Type& type, const LaneBlocks& in, Fp4Lanes& lane) {
  for (int at = 0; at < width; at += lanes) {
    VecF largest = hn::Zero(LaneF());
    for (int i = at; i < type.sub * width; i += width) {
      const MaskF counts = hn::Gt(load(in.w + i), hn::Zero(LaneF()));
      largest = hn::Max(largest, hn::IfThenElseZero(counts, hn::Abs(load(in.x + i))));
    }
    store(largest, lane.largest + at);
  }
  for (int s = 0; s < width; ++s) {
    lane.least[s] = 3e38f;
    lane.best[s] = 0;
    int low = 0, high = type.last;  // the first code that covers, or the last
    while (low < high) {
      const int middle = (low + high) / 2;
      const double reach = double{top_level} * type.value(static_cast<uint8_t>(middle));
      if (reach < lane.largest[s] * in.unit[s])
        low = middle + 1;
      else
        high = middle;
    }
    lane.code[s] = lane.largest[s] > 0 ? std::min(low + type.above, type.last) : -1;
  }
}

void fit_fp4(const Fp4Type& type, const LaneBlocks& in, FittedBlock* out) {
  double inverse[width];
  for (int s = 0; s < width; ++s) inverse[s] = in.unit[s] > 0 ? 1 / in.unit[s] : 0;
  const auto scale_of = [&](int s, int code) {
    const float value = code < 0 ? 0 : type.value(static_cast<uint8_t>(code));
    return static_cast<float>(value * inverse[s]);
  };
  Fp4Lanes lane;
  start(type, in, lane);
  for (bool searching = true; searching;) {
    for (int s = 0; s < width; ++s) lane.scale[s] = scale_of(s, lane.code[s]);
    try_scales(type, in, lane);
    searching = false;
    for (int s = 0; s < width; ++s) {
      if (lane.code[s] < 0) continue;
      if (lane.error[s] < lane.least[s]) {
        lane.least[s] = lane.error[s];
        lane.best[s] = lane.code[s];
      }
      lane.code[s] = lane.beyond[s] < lane.least[s] ? lane.code[s] - 1 : -1;
      searching |= lane.code[s] >= 0;
    }
  }
  for (int s = 0; s < width; ++s) {
    lane.scale[s] = scale_of(s, lane.best[s]);
    out[s / type.count].scales[s % type.count] = static_cast<int16_t>(lane.best[s]);
  }
  const auto level_at = [&](int i, int at) HWY_ATTR {
    return Fp4Levels()(hn::Mul(load(in.x + i * width + at), inverse_of(load(lane.scale + at))));
  };
  store_levels(type.sub, type.count, level_at, out);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace {
HWY_EXPORT(fit_fp4);
}  // namespace

void fit(const Fp4Type& type, const float* x, const float* w, int64_t blocks, std::byte* out) {
  fit_side_by_side(type, HWY_DYNAMIC_DISPATCH(fit_fp4), x, w, blocks, out);
}

}  // namespace recast::codec
#endif

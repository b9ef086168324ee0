// The search of best.h for levels on a grid: IQ1, IQ2, IQ3.
//
// Every sub-block looks for the real scale that suits it best, by several tries. Each candidate d
// is judged by what the codes next to the real scales lose; the best few are refined in turn: codes
// of the scales, levels, d by least squares. Groups off the grid take a neighbour; at the end the
// whole grid is searched for them where that gains something. One block at a time, in plain
// arithmetic but for the grid.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "codec/best.h"
#include "tensor/float16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/best_grid.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/best-inl.h"
#include "codec/iq_nearest-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// Levels of one sub-block under one scale: sums of w * y * c and w * c^2 over coordinates c, and
// the weighted squared error.
struct GridFit {
  float scale = 0, lx = 0, l2 = 0, error = 3e38f;
  uint16_t keys[8] = {};
  uint8_t signs[4] = {}, down[4] = {};
};

struct GroupFit {
  uint32_t key = 0;
  float lx = 0, l2 = 0, error = 0;
};

template <int group, int bits>
struct GridSearch {
  static constexpr int levels = bits == 2 ? 3 : 8;
  const GridType& type;
  const iq::Grid& grid;
  bool whole_grid = false;  // search all of it where a group is off the grid
  bool one_table = false;   // decide for a table before the grid is looked at

  GroupFit fit_group(const float* y, const float* w, float scale, const float* table) const {
    GroupFit fit;
    for (int i = 0; i < group; ++i) {
      uint32_t level = 0;
      for (int l = 1; l < levels; ++l) level += y[i] > scale * (0.5f * (table[l - 1] + table[l]));
      fit.key |= level << (bits * i);
    }
    if (grid.id(fit.key) < 0)
      fit.key = whole_grid ? nearest_of<group, bits>(grid.keys(), scale, y, w, 1, table)
                           : nearest_neighbour<group, bits>(grid, fit.key, scale, y, w, 1, table);
    for (int i = 0; i < group; ++i) {
      const float c = table[fit.key >> (bits * i) & ((1u << bits) - 1)];
      const float wc = w[i] * c, e = scale * c - y[i];
      fit.lx += wc * y[i];
      fit.l2 += wc * c;
      fit.error += w[i] * (e * e);
    }
    return fit;
  }

  // Magnitudes and signs of 8 values. Where their number has to be even, the value turns that loses
  // least when it takes the lowest level with the wrong sign.
  uint8_t split_signs(const float* x, const float* w, float scale, float* y) const {
    int signs = 0;
    for (int i = 0; i < 8; ++i) {
      y[i] = std::fabs(x[i]);
      signs |= (x[i] < 0) << i;
    }
    if (type.signs == GridSigns::free || std::popcount(static_cast<unsigned>(signs)) % 2 == 0)
      return static_cast<uint8_t>(signs);
    const float low = scale * type.tables[0][0];
    int turned = 0;
    float least = 3e38f;
    for (int i = 0; i < 8; ++i) {
      // A value above the lowest level would be met well otherwise.
      const float met = std::min(y[i] - low, 0.0f);
      const float loss = w[i] * ((y[i] + low) * (y[i] + low) - met * met);
      if (!(loss < least)) continue;
      least = loss;
      turned = i;
    }
    y[turned] = -y[turned];
    return static_cast<uint8_t>(signs ^ 1 << turned);
  }

  // The table whose levels, free of the grid, lie nearest to n values.
  int nearest_table(const float* x, const float* w, int n, float scale) const {
    float losses[2] = {};
    for (int t = 0; t < 2; ++t)
      for (int i = 0; i < n; ++i) {
        float least = 3e38f;
        for (int l = 0; l < levels; ++l) {
          const float e = scale * type.tables[t][l] - x[i];
          least = std::min(least, e * e);
        }
        losses[t] += w[i] * least;
      }
    return losses[1] < losses[0];
  }

  GridFit fit_sub_block(const float* x, const float* w, float scale) const {
    GridFit best;
    float y[32];
    std::copy_n(x, type.sub, y);
    GridFit tried[2];
    for (GridFit& fit : tried) fit = {.scale = scale, .error = 0};
    if (type.signs != GridSigns::none)
      for (int k = 0; k < type.sub; k += 8)
        tried[0].signs[k / 8] = split_signs(x + k, w + k, scale, y + k);
    const int tables = type.tables[1] ? 2 : 1, run = type.table_of_group ? group : type.sub;
    int table = -1;  // the only one, if not negative
    for (int g = 0; g < type.sub / group; ++g) {
      GroupFit fits[2];
      if (one_table && tables == 2 && g * group % run == 0)
        table = nearest_table(y + g * group, w + g * group, run, scale);
      for (int t = 0; t < tables; ++t) {
        if (table == 1 - t)
          fits[t].error = 1e30f;
        else
          fits[t] = fit_group(y + g * group, w + g * group, scale, type.tables[t]);
      }
      for (int t = 0; t < tables; ++t) {
        const int from = type.table_of_group && fits[1].error < fits[0].error ? 1 : t;
        tried[t].keys[g] = static_cast<uint16_t>(fits[from].key);
        if (tables == 2) tried[t].down[g] = static_cast<uint8_t>(from);
        tried[t].lx += fits[from].lx;
        tried[t].l2 += fits[from].l2;
        tried[t].error += fits[from].error;
      }
    }
    return tables == 2 && tried[1].error < tried[0].error ? tried[1] : tried[0];
  }

  // The real scale that suits a sub-block.
  GridFit find_scale(const float* x, const float* w) const {
    float largest = 0, best = 0;
    for (int i = 0; i < type.sub; ++i)
      if (w[i] > 0) largest = std::max(largest, std::fabs(x[i]));
    GridFit found;
    found.error = 0;
    if (largest < 1e-30f) return found;
    for (int t = 0; t <= type.tries; ++t) {
      const float place = type.first + (type.last - type.first) * static_cast<float>(t) /
                                           static_cast<float>(type.tries - 1);
      const GridFit fit = fit_sub_block(x, w, t < type.tries ? largest / place : found.scale);
      if (!(fit.l2 > 0 && fit.lx > 0 && fit.lx * fit.lx > best * fit.l2)) continue;
      found = fit;
      found.scale = fit.lx / fit.l2;
      best = found.scale * fit.lx;
    }
    return found;
  }
};

struct GridChoice {
  uint16_t d = 0;
  int codes[16] = {};
  GridFit fits[16];
  float error = 3e38f;
};

inline int code_of(const GridType& type, float scale, float step) {
  return step > 0 ? whole_scale(0.5f * (scale - step), step, 0, type.codes - 1) : 0;
}

// Values d, the best first, for real scales that become d * (2 * code + 1).
constexpr int grid_candidates = 3;
inline void propose_steps(const GridType& type, const GridFit* found, float* steps) {
  const int count = 256 / type.sub;
  constexpr int tries = 24;
  float largest = 0, tried[tries], cost[tries];
  for (int j = 0; j < count; ++j) largest = std::max(largest, found[j].scale);
  for (int t = 0; t < tries; ++t) {
    tried[t] = largest / (static_cast<float>(2 * type.codes - 1) *
                          (1 - static_cast<float>(t) * (0.6f / tries)));
    cost[t] = 0;
    for (int j = 0; j < count; ++j) {
      const int code = code_of(type, found[j].scale, tried[t]);
      const float e = tried[t] * static_cast<float>(2 * code + 1) - found[j].scale;
      cost[t] += found[j].l2 * (e * e);
    }
  }
  for (int k = 0; k < grid_candidates; ++k) {
    const int64_t best = std::min_element(cost, cost + tries) - cost;
    steps[k] = tried[best];
    cost[best] = 3e38f;
  }
}

template <int group, int bits>
void fit_codes(const GridSearch<group, bits>& search, const float* x, const float* w, double unit,
               int reach, GridChoice& choice) {
  const GridType& type = search.type;
  const float step = step_of(choice.d, unit);
  choice.error = 0;
  for (int j = 0; j < 256 / type.sub; ++j) {
    GridFit best;
    const int middle = choice.codes[j];
    for (int code = std::max(middle - reach, 0); code <= std::min(middle + reach, type.codes - 1);
         ++code) {
      const float scale = step * static_cast<float>(2 * code + 1);
      const GridFit fit = search.fit_sub_block(x + j * type.sub, w + j * type.sub, scale);
      if (!(fit.error < best.error)) continue;
      best = fit;
      choice.codes[j] = code;
    }
    choice.fits[j] = best;
    choice.error += best.error;
  }
}

inline void refit_step(const GridType& type, double unit, GridChoice& choice) {
  double lx = 0, l2 = 0;
  for (int j = 0; j < 256 / type.sub; ++j) {
    const double scale = 2 * choice.codes[j] + 1;
    lx += scale * choice.fits[j].lx;
    l2 += scale * scale * choice.fits[j].l2;
  }
  if (l2 > 0 && lx > 0) choice.d = half_of(lx / l2, unit);
}

// Least squares makes what is decoded smaller than the weights, by a tenth where half a bit is left
// for each, and the logits suffer more from that than from the rest of the error. A power of 1/2
// would keep the sum of squares, 1 the mean along the weights; 3/4 lies between, chosen
// of four on the tests' model: its error and KL are below balanced (KL of IQ1_S is 1.5 % above).
inline void stretch(const float* x, const float* w, double unit, GridChoice& choice) {
  double size = 0;
  for (int i = 0; i < 256; ++i) size += double{w[i]} * x[i] * x[i];
  if (!(choice.error < 0.9 * size)) return;
  const double root = std::sqrt(1 - choice.error / size);
  choice.d = half_of(step_of(choice.d, unit) / (root * std::sqrt(root)), unit);
}

template <int group, int bits>
GridChoice search_block(const GridType& type, const float* x, const float* w, double unit) {
  GridSearch<group, bits> search = {type, type.grid()};
  GridFit found[16];
  float steps[grid_candidates];
  for (int j = 0; j < 256 / type.sub; ++j)
    found[j] = search.find_scale(x + j * type.sub, w + j * type.sub);
  propose_steps(type, found, steps);
  GridChoice best;
  for (const float step : steps) {
    GridChoice choice = {.d = half_of(step, unit)};
    for (int j = 0; j < 256 / type.sub; ++j)
      choice.codes[j] = code_of(type, found[j].scale, step_of(choice.d, unit));
    for (const int reach : {1, 0}) {
      fit_codes(search, x, w, unit, reach, choice);
      if (choice.error < best.error) best = choice;
      refit_step(type, unit, choice);
    }
  }
  search.whole_grid = type.whole_grid;
  GridChoice choice = best;
  refit_step(type, unit, choice);
  fit_codes(search, x, w, unit, 1, choice);
  if (choice.error < best.error) best = choice;
  stretch(x, w, unit, best);
  return best;
}

// Effort::fast: the largest value lies in the middle of where the search would put it.
template <int group, int bits>
GridChoice round_block(const GridType& type, const float* x, const float* w, double unit) {
  const GridSearch<group, bits> search = {type, type.grid(), false, true};
  float scales[16], largest = 0;
  for (int j = 0; j < 256 / type.sub; ++j) {
    float top = 0;
    for (int i = j * type.sub; i < (j + 1) * type.sub; ++i) top = std::max(top, std::fabs(x[i]));
    scales[j] = top / (0.5f * (type.first + type.last));
    largest = std::max(largest, scales[j]);
  }
  GridChoice choice = {.d = half_of(largest / static_cast<float>(2 * type.codes - 1), unit)};
  for (int j = 0; j < 256 / type.sub; ++j)
    choice.codes[j] = code_of(type, scales[j], step_of(choice.d, unit));
  fit_codes(search, x, w, unit, 0, choice);
  return choice;
}

template <int group, int bits>
GridChoice choose(const GridType& type, Effort effort, const float* x, const float* w,
                  double unit) {
  return effort == Effort::fast ? round_block<group, bits>(type, x, w, unit)
                                : search_block<group, bits>(type, x, w, unit);
}

void fit_grid(const GridType& type, Effort effort, const float* x, const float* w, double unit,
              FittedGrid* out) {
  const GridChoice best = type.group == 8 ? choose<8, 2>(type, effort, x, w, unit)
                                          : choose<4, 3>(type, effort, x, w, unit);
  out->d = best.d;
  const int groups = type.sub / type.group;
  for (int j = 0; j < 256 / type.sub; ++j) {
    const GridFit& fit = best.fits[j];
    out->codes[j] = static_cast<uint8_t>(best.codes[j]);
    std::copy_n(fit.keys, groups, out->keys + j * groups);
    std::copy_n(fit.signs, type.sub / 8, out->signs + j * type.sub / 8);
    std::copy_n(fit.down, type.sub / 8, out->down + j * type.sub / 8);
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace {
HWY_EXPORT(fit_grid);
}  // namespace

namespace {

void fit_block(const GridType& type, Effort effort, const float* x, const float* w,
               std::byte* out) {
  alignas(64) float values[256], weights[256];
  float largest = 0, heaviest = 0;
  for (int i = 0; i < 256; ++i) {
    largest = std::max(largest, w[i] > 0 ? std::fabs(x[i]) : 0.0f);
    heaviest = std::max(heaviest, w[i]);
  }
  if (largest == 0) return;
  const double unit = power_of_two_below(largest), inverse = 1 / unit;
  const double weight = 1 / power_of_two_below(heaviest);
  for (int i = 0; i < 256; ++i) {
    values[i] = static_cast<float>(std::clamp(x[i] * inverse, -4., 4.));
    weights[i] = static_cast<float>(w[i] * weight);
  }
  FittedGrid fitted = {};
  const auto kernel = HWY_DYNAMIC_DISPATCH(fit_grid);
  kernel(type, effort, values, weights, unit, &fitted);
  type.pack(fitted, out);
}

}  // namespace

void fit(const GridType& type, const float* x, const float* w, int64_t, std::byte* out) {
  fit_block(type, Effort::aggressive, x, w, out);
}

void encode_fast(const GridType& type, const float* source, std::byte* destination, int64_t n) {
  float ones[256];
  std::fill_n(ones, 256, 1.0f);
  for (int64_t at = 0; at < n; at += 256, destination += type.block_bytes) {
    std::memset(destination, 0, type.block_bytes);
    fit_block(type, Effort::fast, source + at, ones, destination);
  }
}

}  // namespace recast::codec
#endif

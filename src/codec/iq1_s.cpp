// IQ1_S: 256 weights in 50 bytes, 8 sub-blocks of 32, groups of 8.
//
//   bytes 0-1     d     f16
//   bytes 2-33    ids   the lower 8 bits of the grid id of each group
//   bytes 34-49   qh    u16 a sub-block: the upper 3 bits of its 4 ids, the scale at bits 12-14,
//                       bit 15 set where the shift is down
//
//   w = d * (2 * scale + 1) * (level - 1 +- 1/8)
//
// Written only with importance. Source: ggml of llama.cpp v0.5.0, block_iq1_s,
// dequantize_row_iq1_s, quantize_iq1_s.
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/iq1_s.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq1_s.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/iq1-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_iq1_s(const float* x, const float* importance, std::byte* out, int64_t n,
                  int64_t row) {
  scalar::encode_weighted_iq1_s(x, importance, out, n / row, row);
}
#else
// 16 sub-blocks between the stages, side by side.
struct SortedIQ1_S {
  alignas(64) float w[32 * width];  // one sub-block after the other
  alignas(64) float sums_x[33 * width] = {}, sums_w[33 * width] = {};
  // What lies behind a second cut, at the third level of each shift.
  alignas(64) float upper_x[2][33 * lanes], upper_w[2][33 * lanes];
  int order[width][32] = {};  // with NaN some places stay
  bool skipped[width], regular[width];
  CutRatios<2, 32> ratios;
  CutIQ1_S cuts[width];
};

HWY_INLINE void sum_sorted_iq1_s(const float* x, int b, SortedIQ1_S& s) {
  const float* w = s.w + 32 * b;
  float sum_x = 0, sum_w = 0;
  for (int j = 0; j < 32; ++j) {
    const int i = s.order[b][j];
    sum_x += w[i] * x[i];
    sum_w += w[i];
    s.sums_x[(j + 1) * width + b] = sum_x;
    s.sums_w[(j + 1) * width + b] = sum_w;
  }
}

// The ratios of all cuts of the sub-blocks from `at` on, each quotient as in offer_cut. The sums
// before the first value are 0, which changes nothing when it is subtracted.
HWY_INLINE void set_ratios_iq1_s(SortedIQ1_S& s, int at) {
  const float *x = s.sums_x + at, *w = s.sums_w + at;
  for (int b = 0; b <= 32; ++b)
    for (int k = 0; k < 2; ++k) {
      const VecF t = set((k ? iq::shift_down : iq::shift_up)[2]);
      const VecF behind_x = hn::Sub(load(x + 32 * width), load(x + b * width));
      const VecF behind_w = hn::Sub(load(w + 32 * width), load(w + b * width));
      store(hn::Mul(behind_x, t), s.upper_x[k] + b * lanes);
      store(hn::Mul(hn::Mul(behind_w, t), t), s.upper_w[k] + b * lanes);
    }
  s.ratios.best = hn::Zero(LaneF());
  int cut = 0;
  for (int a = 0; a <= 32; ++a) {
    const VecF before_x = load(x + a * width), before_w = load(w + a * width);
    VecF lower_x[2], lower_w[2];
    for (int k = 0; k < 2; ++k) {
      const VecF t = set((k ? iq::shift_down : iq::shift_up)[0]);
      lower_x[k] = hn::Mul(before_x, t);
      lower_w[k] = hn::Mul(hn::Mul(before_w, t), t);
    }
    for (int b = a; b <= 32; ++b) {
      const VecF middle_x = hn::Sub(load(x + b * width), before_x);
      const VecF middle_w = hn::Sub(load(w + b * width), before_w);
      VecF qx[2], q2[2];
      for (int k = 0; k < 2; ++k) {
        const VecF t = set((k ? iq::shift_down : iq::shift_up)[1]);
        qx[k] = hn::Add(hn::Add(lower_x[k], hn::Mul(middle_x, t)),
                        load(s.upper_x[k] + b * lanes));
        q2[k] = hn::Add(hn::Add(lower_w[k], hn::Mul(hn::Mul(middle_w, t), t)),
                        load(s.upper_w[k] + b * lanes));
      }
      s.ratios.put(cut++, qx, q2);
    }
  }
}

HWY_INLINE void find_cuts_iq1_s(SortedIQ1_S& s, int count) {
  for (int b = 0; b < width; ++b) s.cuts[b] = {};
  for (int at = 0; at < count; at += lanes) {
    set_ratios_iq1_s(s, at);
    const uint32_t left = s.ratios.offer_near([&](int lane, int first, int second) HWY_ATTR {
      const int b = at + lane;
      offer_cut(s.sums_x + b, s.sums_w + b, width, first, second, s.cuts[b]);
    });
    for (int b = at; b < std::min(at + lanes, count); ++b)
      if (!s.skipped[b] && (!s.regular[b] || left >> (b - at) & 1))
        s.cuts[b] = find_cut(s.sums_x + b, s.sums_w + b, width);
  }
}

HWY_INLINE float settle_iq1_s(const float* x, const SortedIQ1_S& s, int b, uint16_t* keys,
                              bool& down) {
  const CutIQ1_S& cut = s.cuts[b];
  if (s.skipped[b] || !cut.best.found) return 0;
  const bool flip = cut.best.scale < 0;
  uint8_t levels[32];
  levels_of_cut(s.order[b], 32, cut.first, cut.second, flip, levels);
  down = cut.down != flip;
  const bool tables[4] = {down, down, down, down};
  return settle_groups(x, s.w + 32 * b, 4, levels, tables,
                       flip ? -cut.best.scale : cut.best.scale, keys);
}

void encode_iq1_s(const float* x, const float* importance, std::byte* out, int64_t n,
                  int64_t row) {
  constexpr int64_t together = 2;  // blocks
  float sums[4] = {};
  SortedIQ1_S s;
  for (int64_t i = 0; i < n; i += together * 256, x += together * 256) {
    const int64_t blocks = std::min(together, (n - i) / 256);
    const int count = static_cast<int>(blocks) * 8;
    if (i / 256 % 4 == 0) sums_of_squares(x, 256, 256, std::min<int64_t>(4, (n - i) / 256), sums);
    // Stage by stage, so that the long waits of one sub-block are filled by the next.
    for (int b = 0; b < count; ++b) {
      float* const w = s.w + 32 * b;
      weigh_iq1(x + 32 * b, importance + (i + 32 * b) % row,
                2 * sums[i / 256 % 4 + b / 8] / 256, 32, w);
      s.skipped[b] = largest_magnitude(x + 32 * b, 32) < 1e-12f ||
                     largest_magnitude(w, 32) == 0;  // no cut has a weight
      s.regular[b] = moderate(w, 32);
      sort_values<32>(x + 32 * b, s.order[b]);
    }
    for (int b = 0; b < count; ++b) sum_sorted_iq1_s(x + 32 * b, b, s);
    find_cuts_iq1_s(s, count);
    for (int first = 0; first < count; first += 8, out += sizeof(BlockIQ1_S)) {
      FittedIQ1_S fitted;
      for (int b = 0; b < 8; ++b)
        fitted.scales[b] = settle_iq1_s(x + 32 * (first + b), s, first + b, fitted.keys + 4 * b,
                                        fitted.down[b]);
      store(fitted, out);
    }
  }
}
#endif

void decode_iq1_s(const std::byte* in, float* out, int64_t n) {
  decode_eights<EightsIQ1_S>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
namespace {

CutIQ1_S find_cut_of(const float* x, const float* w, const int* order) {
  float sum_x[33] = {}, sum_w[33] = {};
  for (int j = 0; j < 32; ++j) {
    sum_x[j + 1] = sum_x[j] + w[order[j]] * x[order[j]];
    sum_w[j + 1] = sum_w[j] + w[order[j]];
  }
  return find_cut(sum_x, sum_w, 1);
}

float fit_sub_block(const float* x, const float* w, uint16_t* keys, bool& down) {
  float largest = 0;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(x[i]));
  if (largest < 1e-12f) return 0;
  int order[32];
  iq::scalar::sort_values(x, 32, order);
  const CutIQ1_S cut = find_cut_of(x, w, order);
  if (!cut.best.found) return 0;
  const bool flip = cut.best.scale < 0;
  uint8_t levels[32];
  for (int j = 0; j < 32; ++j) {
    const int level = j < cut.first ? 0 : j < cut.second ? 1 : 2;
    levels[order[j]] = static_cast<uint8_t>(flip ? 2 - level : level);
  }
  down = cut.down != flip;
  const float* table = down ? iq::shift_down : iq::shift_up;
  const float* const tables[4] = {table, table, table, table};
  const float scale = flip ? -cut.best.scale : cut.best.scale;
  return iq::scalar::settle_groups(x, w, 4, levels, tables, scale, keys);
}

}  // namespace

void decode_iq1_s(const std::byte* source, float* destination, int64_t n) {
  decode_eights<EightsIQ1_S>(source, destination, n);
}

void encode_weighted_iq1_s(const float* source, const float* importance, std::byte* destination,
                           int64_t rows, int64_t row) {
  float w[32];
  for (int64_t i = 0; i < rows * row; i += 256, destination += sizeof(BlockIQ1_S)) {
    const float sigma2 = 2 * sum_of_squares(source + i, 256) / 256;
    FittedIQ1_S fitted;
    for (int b = 0; b < 8; ++b) {
      const int64_t at = i + 32 * b;
      weigh(source + at, importance + at % row, sigma2, 32, w);
      fitted.scales[b] = fit_sub_block(source + at, w, fitted.keys + 4 * b, fitted.down[b]);
    }
    store(fitted, destination);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_iq1_s);
HWY_EXPORT(encode_iq1_s);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_iq1_s);
  kernel(source, destination, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq1_s);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockIQ1_S), 256, {0}, first_index, census);
}

void pack(const FittedGrid& fitted, std::byte* out) {
  BlockIQ1_S block = {.d = fitted.d};
  set_ids(fitted.keys, block);
  for (int b = 0; b < 8; ++b)
    block.qh[b] =
        static_cast<uint16_t>(block.qh[b] | fitted.codes[b] << 12 | fitted.down[4 * b] << 15);
  std::memcpy(out, &block, sizeof block);
}

constexpr GridType search = {
    .sub = 32, .group = 8, .codes = 8, .block_bytes = sizeof(BlockIQ1_S),
    .signs = GridSigns::none, .grid = iq::iq1s_grid,
    .tables = {iq::shift_up_repeated, iq::shift_down_repeated},
    .table_of_group = false, .whole_grid = false,
    .first = 0.9f, .last = 3.5f, .tries = 7, .pack = pack};

}  // namespace

constinit const Codec iq1_s = {
    .name = "IQ1_S",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockIQ1_S),
    .decode = decode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq1_s, search>,
    .census = census,
};

}  // namespace recast::codec
#endif

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
#include "codec/iq1.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_IQ1_S_TYPE
#define RECAST_CODEC_IQ1_S_TYPE
namespace recast::codec {

struct BlockIQ1_S {
  uint16_t d;
  uint8_t ids[32];
  uint16_t qh[8];
};
static_assert(sizeof(BlockIQ1_S) == 50);

// What the search leaves for the 256 values.
struct FittedIQ1_S {
  uint16_t keys[32] = {};
  bool down[8] = {};
  float scales[8] = {};
};

inline void set_ids(const uint16_t* keys, BlockIQ1_S& block) {
  for (int h = 0; h < 32; ++h) {
    const int id = iq::iq1s_grid().id(keys[h]);
    block.ids[h] = static_cast<uint8_t>(id);
    block.qh[h / 4] = static_cast<uint16_t>(block.qh[h / 4] | id >> 8 << (h % 4 * 3));
  }
}

inline void store(const FittedIQ1_S& fitted, std::byte* out) {
  BlockIQ1_S block = {};
  set_ids(fitted.keys, block);
  const float largest = *std::max_element(fitted.scales, fitted.scales + 8);
  if (largest > 0) {
    const float d = largest / 15;
    const float inverse = 1 / d;
    block.d = f16_from_f32(d * 1.125f);
    for (int b = 0; b < 8; ++b) {
      const int code = scalar::clamped(
          scalar::rounded(0.5f * (inverse * fitted.scales[b] - 1)), 0, 7);
      block.qh[b] = static_cast<uint16_t>(block.qh[b] | code << 12 | fitted.down[b] << 15);
    }
  }
  std::memcpy(out, &block, sizeof block);
}

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq1_s.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
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
using OffersIQ1_S = CutOffers<2, 33 * 33 / lanes>;

// One sub-block between the stages.
struct SortedIQ1_S {
  alignas(64) float w[32];
  // Of the first j sorted values at 15 + j, so that vectors from 1 on lie in one cache line each.
  alignas(64) float sums_x[64], sums_w[64];
  int order[32];
  bool skipped;
  OffersIQ1_S::Chosen cut;
};

HWY_INLINE void sum_sorted_iq1_s(const float* x, SortedIQ1_S& s) {
  float *sum_x = s.sums_x + 15, *sum_w = s.sums_w + 15;
  sum_x[0] = sum_w[0] = 0;
  for (int j = 0; j < 32; ++j) {
    sum_x[j + 1] = sum_x[j] + s.w[s.order[j]] * x[s.order[j]];
    sum_w[j + 1] = sum_w[j] + s.w[s.order[j]];
  }
}

// What the quotients need of `lanes` second cuts, whatever the first one is.
struct SecondCutsIQ1_S {
  VecF x, w;                    // sums before the cut
  VecF upper_x[2], upper_w[2];  // what lies behind it, at the third level of each shift
};

// All cuts of 32 sorted values, a vector of second cuts at once; those from 1 on are aligned.
HWY_INLINE OffersIQ1_S::Chosen find_cut_iq1_s(const SortedIQ1_S& s) {
  const float *sum_x = s.sums_x + 15, *sum_w = s.sums_w + 15;
  OffersIQ1_S offers;
  VecF largest = hn::Zero(LaneF());
  const auto second_cuts = [&](int b) HWY_ATTR {
    SecondCutsIQ1_S c;
    c.x = load(sum_x + b);
    c.w = load(sum_w + b);
    const VecF behind_x = hn::Sub(set(sum_x[32]), c.x), behind_w = hn::Sub(set(sum_w[32]), c.w);
    for (int k = 0; k < 2; ++k) {
      const VecF t = set((k ? iq::shift_down : iq::shift_up)[2]);
      c.upper_x[k] = hn::Mul(behind_x, t);
      c.upper_w[k] = hn::Mul(hn::Mul(behind_w, t), t);
    }
    return c;
  };
  const auto add = [&](int step, int a, int b, int last, const SecondCutsIQ1_S& c) HWY_ATTR {
    VecF qx[2], q2[2];
    const VecF before_x = set(sum_x[a]), before_w = set(sum_w[a]);
    const VecF middle_x = hn::Sub(c.x, before_x), middle_w = hn::Sub(c.w, before_w);
    for (int k = 0; k < 2; ++k) {
      const float* t = k ? iq::shift_down : iq::shift_up;
      // The sums before the first value are 0, which changes nothing when it is subtracted.
      const VecF low = set(t[0]), middle = set(t[1]);
      qx[k] = hn::Add(hn::Add(hn::Mul(before_x, low), hn::Mul(middle_x, middle)), c.upper_x[k]);
      q2[k] = hn::Add(hn::Add(hn::Mul(hn::Mul(before_w, low), low),
                              hn::Mul(hn::Mul(middle_w, middle), middle)),
                      c.upper_w[k]);
    }
    offers.add(step, a, b, within(b, a, last), qx, q2, largest);
  };
  add(0, 0, 0, 0, second_cuts(0));
  SecondCutsIQ1_S cuts[32 / lanes];
  for (int i = 0; i < 32 / lanes; ++i) cuts[i] = second_cuts(1 + i * lanes);
  int steps = 1;
  for (int a = 0; a <= 32; ++a)
    for (int i = std::max(a - 1, 0) / lanes; i < 32 / lanes; ++i)
      add(steps++, a, 1 + i * lanes, 32, cuts[i]);
  return offers.choose(steps, moderate(s.w, 32), largest);
}

HWY_INLINE float settle_iq1_s(const float* x, const SortedIQ1_S& s, uint16_t* keys, bool& down) {
  if (s.skipped || !s.cut.best.found) return 0;
  const bool flip = s.cut.best.scale < 0;
  uint8_t levels[32];
  levels_of_cut(s.order, 32, s.cut.first, s.cut.second, flip, levels);
  down = (s.cut.kind == 1) != flip;
  const bool tables[4] = {down, down, down, down};
  return settle_groups(x, s.w, 4, levels, tables, flip ? -s.cut.best.scale : s.cut.best.scale,
                       keys);
}

void encode_iq1_s(const float* x, const float* importance, std::byte* out, int64_t n,
                  int64_t row) {
  float sums[4] = {};
  SortedIQ1_S s[8] = {};
  for (int64_t i = 0; i < n; i += 256, x += 256, out += sizeof(BlockIQ1_S)) {
    const int64_t block = i / 256 % 4;
    if (block == 0) sums_of_squares(x, 256, 256, std::min<int64_t>(4, (n - i) / 256), sums);
    FittedIQ1_S fitted;
    // Stage by stage, so that the long waits of one sub-block are filled by the next.
    for (int b = 0; b < 8; ++b) {
      weigh_iq1(x + 32 * b, importance + i % row + 32 * b, 2 * sums[block] / 256, 32, s[b].w);
      s[b].skipped = largest_magnitude(x + 32 * b, 32) < 1e-12f;
      sort_values<32>(x + 32 * b, s[b].order);
    }
    for (int b = 0; b < 8; ++b) sum_sorted_iq1_s(x + 32 * b, s[b]);
    for (int b = 0; b < 8; ++b) s[b].cut = find_cut_iq1_s(s[b]);
    for (int b = 0; b < 8; ++b)
      fitted.scales[b] = settle_iq1_s(x + 32 * b, s[b], fitted.keys + 4 * b, fitted.down[b]);
    store(fitted, out);
  }
}
#endif

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
namespace {

// The cuts and the shift of the best fit of 32 values to one scale; `best.found` says whether any.
struct Cut {
  int first = 0, second = 0;
  bool down = false;
  iq::scalar::Best best;
};

Cut find_cut(const float* x, const float* w, const int* order) {
  float sum_x[33] = {}, sum_w[33] = {};
  for (int j = 0; j < 32; ++j) {
    sum_x[j + 1] = sum_x[j] + w[order[j]] * x[order[j]];
    sum_w[j + 1] = sum_w[j] + w[order[j]];
  }
  Cut cut;
  for (int a = 0; a <= 32; ++a)
    for (int b = a; b <= 32; ++b)
      for (const float* t : {iq::shift_up, iq::shift_down}) {
        const float qx = (sum_x[a] - sum_x[0]) * t[0] + (sum_x[b] - sum_x[a]) * t[1] +
                         (sum_x[32] - sum_x[b]) * t[2];
        const float q2 = (sum_w[a] - sum_w[0]) * t[0] * t[0] +
                         (sum_w[b] - sum_w[a]) * t[1] * t[1] +
                         (sum_w[32] - sum_w[b]) * t[2] * t[2];
        if (!cut.best.take(qx, q2)) continue;
        cut.first = a;
        cut.second = b;
        cut.down = t == iq::shift_down;
      }
  return cut;
}

float fit_sub_block(const float* x, const float* w, uint16_t* keys, bool& down) {
  float largest = 0;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(x[i]));
  if (largest < 1e-12f) return 0;
  int order[32];
  iq::scalar::sort_values(x, 32, order);
  const Cut cut = find_cut(x, w, order);
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
  for (; n > 0; n -= 256, source += sizeof(BlockIQ1_S), destination += 256) {
    BlockIQ1_S block;
    std::memcpy(&block, source, sizeof block);
    const float d = f32_from_f16(block.d);
    for (int h = 0; h < 32; ++h) {
      const int qh = block.qh[h / 4];
      const float scale = d * static_cast<float>(2 * (qh >> 12 & 7) + 1);
      const float* table = qh & 0x8000 ? iq::shift_down : iq::shift_up;
      const uint32_t key = iq::iq1s_keys[block.ids[h] | (qh >> (h % 4 * 3) & 7) << 8];
      for (int i = 0; i < 8; ++i) destination[8 * h + i] = scale * table[key >> (2 * i) & 3];
    }
  }
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

HWY_EXPORT(encode_iq1_s);

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
    .decode = scalar::decode_iq1_s,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq1_s, search>,
    .census = census,
};

}  // namespace recast::codec
#endif

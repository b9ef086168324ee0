// IQ1_M: 256 weights in 56 bytes, 16 sub-blocks of 16, groups of 8.
//
//   bytes 0-31    ids      the lower 8 bits of the grid id of each group
//   bytes 32-47   qh       a byte a sub-block: the upper 3 bits of the ids of its groups at bits 0
//                          and 4, bits 3 and 7 set where their shift is down
//   bytes 48-55   scales   4 u16: 3 bits a sub-block, 4 of them in each; bits 12-15 of the four are
//                          the nibbles of d, an f16, low first
//
//   w = d * (2 * scale + 1) * (level - 1 +- 1/8)
//
// Source: ggml of llama.cpp v0.5.0, block_iq1_m, dequantize_row_iq1_m, quantize_iq1_m.
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/iq1_m.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq1_m.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/iq1-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_iq1_m(const float* x, const float* importance, std::byte* out, int64_t n,
                  int64_t row) {
  if (importance)
    scalar::encode_weighted_iq1_m(x, importance, out, n / row, row);
  else
    scalar::encode_iq1_m(x, out, n);
}
#else
// The 16 sub-blocks of a block between the stages, side by side.
struct SortedIQ1_M {
  alignas(64) float x[2][17 * width] = {}, w[2][17 * width] = {};  // HalfSums
  int order[width][16] = {};  // with NaN some places stay
  bool skipped[width], regular[width];
  CutRatios<4, 16> ratios;
  CutIQ1_M cuts[width];

  HWY_INLINE void find_halves(int c, HalfSums (&sums)[2]) const {
    for (int h = 0; h < 2; ++h) sums[h] = {x[h] + c, w[h] + c};
  }
};

// No branch: which half a sorted value comes from is anyone's guess. Adding +0 changes no sum.
HWY_INLINE void sum_sorted_iq1_m(const float* x, const float* w, int c, SortedIQ1_M& s) {
  float sum_x[2] = {}, sum_w[2] = {};
  for (int j = 0; j < 16; ++j) {
    const int i = s.order[c][j];
    const float weight = w[i], product = w[i] * x[i];
    for (int h = 0; h < 2; ++h) {
      const uint32_t inside = i / 8 == h ? ~0u : 0u;
      sum_x[h] += std::bit_cast<float>(std::bit_cast<uint32_t>(product) & inside);
      sum_w[h] += std::bit_cast<float>(std::bit_cast<uint32_t>(weight) & inside);
      s.x[h][(j + 1) * width + c] = sum_x[h];
      s.w[h][(j + 1) * width + c] = sum_w[h];
    }
  }
}

// The ratios of all cuts of the sub-blocks from `at` on, each quotient as in offer_cut.
HWY_INLINE void set_ratios_iq1_m(SortedIQ1_M& s, int at) {
  s.ratios.best = hn::Zero(LaneF());
  int cut = 0;
  VecF all_x[2][2], before_w[2][2];  // by shift and half
  for (int a = 0; a <= 16; ++a) {
    for (int k = 0; k < 4; ++k) {
      const float *t = k / 2 ? iq::shift_down : iq::shift_up, *w = s.w[k % 2] + at;
      all_x[k / 2][k % 2] = hn::Mul(load(s.x[k % 2] + at + 16 * width), set(t[2]));
      const VecF all_w = hn::Mul(hn::Mul(load(w + 16 * width), set(t[2])), set(t[2]));
      before_w[k / 2][k % 2] =
          hn::Add(all_w, hn::Mul(load(w + a * width), set(t[0] * t[0] - t[1] * t[1])));
    }
    for (int b = a; b <= 16; ++b) {
      VecF half_x[2][2], half_w[2][2], qx[4], q2[4];
      for (int k = 0; k < 4; ++k) {
        const float* t = k / 2 ? iq::shift_down : iq::shift_up;
        const float *x = s.x[k % 2] + at, *w = s.w[k % 2] + at;
        half_x[k / 2][k % 2] = hn::Sub(all_x[k / 2][k % 2],
                                       hn::Add(load(x + a * width), load(x + b * width)));
        const VecF second = set(t[1] * t[1] - t[2] * t[2]);
        half_w[k / 2][k % 2] = hn::Add(before_w[k / 2][k % 2],
                                       hn::Mul(load(w + b * width), second));
      }
      for (int k = 0; k < 4; ++k) {
        qx[k] = hn::Add(half_x[k / 2][0], half_x[k % 2][1]);
        q2[k] = hn::Add(half_w[k / 2][0], half_w[k % 2][1]);
      }
      s.ratios.put(cut++, qx, q2);
    }
  }
}

HWY_INLINE void find_cuts_iq1_m(SortedIQ1_M& s) {
  for (int c = 0; c < width; ++c) s.cuts[c] = {};
  for (int at = 0; at < width; at += lanes) {
    set_ratios_iq1_m(s, at);
    const uint32_t left = s.ratios.offer_near([&](int lane, int a, int b) HWY_ATTR {
      HalfSums sums[2];
      s.find_halves(at + lane, sums);
      offer_cut(sums, width, a, b, s.cuts[at + lane]);
    });
    for (int c = at; c < at + lanes; ++c) {
      if (s.skipped[c] || (s.regular[c] && !(left >> (c - at) & 1))) continue;
      HalfSums sums[2];
      s.find_halves(c, sums);
      s.cuts[c] = find_cut(sums, width);
    }
  }
}

HWY_INLINE float settle_iq1_m(const float* x, const float* w, const SortedIQ1_M& s, int c,
                              uint16_t* keys, bool* down) {
  const CutIQ1_M& cut = s.cuts[c];
  if (s.skipped[c] || !cut.best.found) return 0;
  const bool flip = cut.best.scale < 0;
  uint8_t levels[16];
  levels_of_cut(s.order[c], 16, cut.first, cut.second, flip, levels);
  const int shifts = flip ? 3 - cut.shifts : cut.shifts;
  down[0] = shifts & 2;
  down[1] = shifts & 1;
  return settle_groups(x, w, 2, levels, down, flip ? -cut.best.scale : cut.best.scale, keys);
}

void encode_iq1_m(const float* x, const float* importance, std::byte* out, int64_t n,
                  int64_t row) {
  float sums[4] = {};
  SortedIQ1_M s;
  for (int64_t i = 0; i < n; i += 256, x += 256, out += sizeof(BlockIQ1_M)) {
    const int64_t block = i / 256 % 4;
    if (importance && block == 0)
      sums_of_squares(x, 256, 256, std::min<int64_t>(4, (n - i) / 256), sums);
    FittedIQ1_M fitted;
    const float* w = fitted.w;
    weigh_iq1(x, importance ? importance + i % row : nullptr, 2 * sums[block] / 256, 256,
              fitted.w);
    // Stage by stage, so that the long waits of one sub-block are filled by the next.
    for (int c = 0; c < 16; ++c) {
      s.skipped[c] = largest_magnitude(x + 16 * c, 16) < 1e-7f ||
                     largest_magnitude(w + 16 * c, 16) == 0;  // no cut has a weight
      s.regular[c] = moderate(w + 16 * c, 16);
      sort_values<16>(x + 16 * c, s.order[c]);
    }
    for (int c = 0; c < 16; ++c) sum_sorted_iq1_m(x + 16 * c, w + 16 * c, c, s);
    find_cuts_iq1_m(s);
    for (int c = 0; c < 16; ++c)
      fitted.scales[c] = settle_iq1_m(x + 16 * c, w + 16 * c, s, c, fitted.keys + 2 * c,
                                      fitted.down + 2 * c);
    store(x, fitted, out);
  }
}
#endif

void decode_iq1_m(const std::byte* in, float* out, int64_t n) {
  decode_eights<EightsIQ1_M>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
namespace {

CutIQ1_M find_cut_of(const float* x, const float* w, const int* order) {
  float sums_x[2][17] = {}, sums_w[2][17] = {};
  for (int j = 0; j < 16; ++j)
    for (int h = 0; h < 2; ++h) {
      const bool inside = order[j] / 8 == h;
      sums_x[h][j + 1] = inside ? sums_x[h][j] + w[order[j]] * x[order[j]] : sums_x[h][j];
      sums_w[h][j + 1] = inside ? sums_w[h][j] + w[order[j]] : sums_w[h][j];
    }
  const HalfSums sums[2] = {{sums_x[0], sums_w[0]}, {sums_x[1], sums_w[1]}};
  return find_cut(sums, 1);
}

float fit_sub_block(const float* x, const float* w, uint16_t* keys, bool* down) {
  float largest = 0;
  for (int i = 0; i < 16; ++i) largest = std::max(largest, std::fabs(x[i]));
  if (largest < 1e-7f) return 0;
  int order[16];
  iq::scalar::sort_values(x, 16, order);
  const CutIQ1_M cut = find_cut_of(x, w, order);
  if (!cut.best.found) return 0;
  const bool flip = cut.best.scale < 0;
  uint8_t levels[16];
  for (int j = 0; j < 16; ++j) {
    const int level = j < cut.first ? 0 : j < cut.second ? 1 : 2;
    levels[order[j]] = static_cast<uint8_t>(flip ? 2 - level : level);
  }
  const int shifts = flip ? 3 - cut.shifts : cut.shifts;
  down[0] = shifts & 2;
  down[1] = shifts & 1;
  const float* const tables[2] = {table_of(down[0]), table_of(down[1])};
  const float scale = flip ? -cut.best.scale : cut.best.scale;
  return iq::scalar::settle_groups(x, w, 2, levels, tables, scale, keys);
}

void encode_block(const float* x, const float* importance, std::byte* out) {
  FittedIQ1_M fitted;
  if (importance) {
    weigh(x, importance, 2 * sum_of_squares(x, 256) / 256, 256, fitted.w);
  } else {
    for (int i = 0; i < 256; ++i) fitted.w[i] = x[i] * x[i];
  }
  for (int c = 0; c < 16; ++c)
    fitted.scales[c] = fit_sub_block(x + 16 * c, fitted.w + 16 * c, fitted.keys + 2 * c,
                                     fitted.down + 2 * c);
  store(x, fitted, out);
}

}  // namespace

void decode_iq1_m(const std::byte* source, float* destination, int64_t n) {
  decode_eights<EightsIQ1_M>(source, destination, n);
}

void encode_iq1_m(const float* source, std::byte* destination, int64_t n) {
  for (int64_t i = 0; i < n; i += 256, destination += sizeof(BlockIQ1_M))
    encode_block(source + i, nullptr, destination);
}

void encode_weighted_iq1_m(const float* source, const float* importance, std::byte* destination,
                           int64_t rows, int64_t row) {
  for (int64_t i = 0; i < rows * row; i += 256, destination += sizeof(BlockIQ1_M))
    encode_block(source + i, importance + i % row, destination);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_iq1_m);
HWY_EXPORT(encode_iq1_m);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_iq1_m);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq1_m);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq1_m);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  for (int64_t i = 0; i < n; i += 256, source += sizeof(BlockIQ1_M)) {
    BlockIQ1_M block;
    std::memcpy(&block, source, sizeof block);
    const uint16_t d = d_of(block);
    if ((d & 0x7c00u) == 0x7c00u) add_nonfinite((d & 0x3ffu) != 0, first_index + i, census);
  }
}

void pack(const FittedGrid& fitted, std::byte* out) {
  BlockIQ1_M block = {};
  set_ids(fitted.keys, fitted.down, block);
  for (int c = 0; c < 16; ++c) set_scale(c, fitted.codes[c], block);
  set_d(fitted.d, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr GridType search = {
    .sub = 16, .group = 8, .codes = 8, .block_bytes = sizeof(BlockIQ1_M),
    .signs = GridSigns::none, .grid = iq::iq1s_grid,
    .tables = {iq::shift_up_repeated, iq::shift_down_repeated},
    .table_of_group = true, .whole_grid = false,
    .first = 0.9f, .last = 3.5f, .tries = 7, .pack = pack};

}  // namespace

constinit const Codec iq1_m = {
    .name = "IQ1_M",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockIQ1_M),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq1_m, search>,
    .census = census,
};

}  // namespace recast::codec
#endif

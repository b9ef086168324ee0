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
#include "codec/iq1.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_IQ1_M_TYPE
#define RECAST_CODEC_IQ1_M_TYPE
namespace recast::codec {

struct BlockIQ1_M {
  uint8_t ids[32];
  uint8_t qh[16];
  uint16_t scales[4];
};
static_assert(sizeof(BlockIQ1_M) == 56);

inline uint16_t d_of(const BlockIQ1_M& block) {
  int d = 0;
  for (int k = 0; k < 4; ++k) d |= block.scales[k] >> 12 << (4 * k);
  return static_cast<uint16_t>(d);
}

// What the search leaves for the 256 values, and their weights.
struct FittedIQ1_M {
  uint16_t keys[32] = {};
  bool down[32] = {};
  float scales[16] = {};
  float w[256];
};

inline const float* table_of(bool down) { return down ? iq::shift_down : iq::shift_up; }

// One more fit of d over all values, with the codes of the scales.
inline float fit_block(const float* x, const FittedIQ1_M& fitted, const int* codes, float d) {
  float qx = 0, q2 = 0;
  for (int i = 0; i < 256; ++i) {
    const int h = i / 8;
    const float value = table_of(fitted.down[h])[fitted.keys[h] >> (2 * (i % 8)) & 3];
    const float t = value * static_cast<float>(2 * codes[i / 16] + 1);
    qx += fitted.w[i] * t * x[i];
    q2 += fitted.w[i] * t * t;
  }
  return q2 > 0 ? qx / q2 : d;
}

template <class Down>
void set_ids(const uint16_t* keys, const Down* down, BlockIQ1_M& block) {
  for (int h = 0; h < 32; ++h) {
    const int id = iq::iq1s_grid().id(keys[h]);
    block.ids[h] = static_cast<uint8_t>(id);
    block.qh[h / 2] |= static_cast<uint8_t>((id >> 8 | down[h] << 3) << (h % 2 * 4));
  }
}

inline void set_scale(int c, int code, BlockIQ1_M& block) {
  block.scales[c / 4] = static_cast<uint16_t>(block.scales[c / 4] | code << (c % 4 * 3));
}

inline void set_d(uint16_t d, BlockIQ1_M& block) {
  for (int k = 0; k < 4; ++k)
    block.scales[k] = static_cast<uint16_t>(block.scales[k] | (d >> (4 * k) & 15) << 12);
}

inline void store(const float* x, const FittedIQ1_M& fitted, std::byte* out) {
  BlockIQ1_M block = {};
  set_ids(fitted.keys, fitted.down, block);
  const float largest = *std::max_element(fitted.scales, fitted.scales + 16);
  if (largest > 0) {
    int codes[16];
    float d = largest / 15;
    const float inverse = 1 / d;
    for (int c = 0; c < 16; ++c) {
      codes[c] = scalar::clamped(
          scalar::rounded(0.5f * (inverse * fitted.scales[c] - 1)), 0, 7);
      set_scale(c, codes[c], block);
    }
    d = fit_block(x, fitted, codes, d);
    set_d(f16_from_f32(d * 1.1125f), block);
  }
  std::memcpy(out, &block, sizeof block);
}

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq1_m.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
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
using OffersIQ1_M = CutOffers<4, 17 * 17 / lanes + 1>;

// Sums over the sorted values that lie in one half.
struct HalfSumsIQ1_M {
  // Of the first j values at 15 + j, so that vectors from 1 on lie in one cache line each.
  alignas(64) float sums_x[48] = {}, sums_w[48] = {};
  float& x(int j) { return sums_x[15 + j]; }
  float& w(int j) { return sums_w[15 + j]; }
  float x(int j) const { return sums_x[15 + j]; }
  float w(int j) const { return sums_w[15 + j]; }
};

// The four quotients of first cut `a` and the second cuts from `b` on.
HWY_INLINE void quotients_iq1_m(const HalfSumsIQ1_M (&sums)[2], int a, int b, VecF (&qx)[4],
                                VecF (&q2)[4]) {
  VecF half_x[2][2], half_w[2][2];  // by shift and half
  for (int s = 0; s < 2; ++s)
    for (int h = 0; h < 2; ++h) {
      const float* t = s ? iq::shift_down : iq::shift_up;
      half_x[s][h] = hn::Sub(set(sums[h].x(16) * t[2]),
                             hn::Add(set(sums[h].x(a)), load(sums[h].sums_x + 15 + b)));
      const float before = sums[h].w(16) * t[2] * t[2] + sums[h].w(a) * (t[0] * t[0] - t[1] * t[1]);
      const VecF second = set(t[1] * t[1] - t[2] * t[2]);
      half_w[s][h] = hn::Add(set(before), hn::Mul(load(sums[h].sums_w + 15 + b), second));
    }
  for (int k = 0; k < 4; ++k) {
    qx[k] = hn::Add(half_x[k / 2][0], half_x[k % 2][1]);
    q2[k] = hn::Add(half_w[k / 2][0], half_w[k % 2][1]);
  }
}

// One sub-block between the stages.
struct SortedIQ1_M {
  HalfSumsIQ1_M sums[2];
  int order[16];
  bool skipped;
  OffersIQ1_M::Chosen cut;
};

// No branch: which half a sorted value comes from is anyone's guess. Adding +0 changes no sum.
HWY_INLINE void sum_sorted_iq1_m(const float* x, const float* w, SortedIQ1_M& s) {
  for (int j = 0; j < 16; ++j) {
    const int i = s.order[j];
    const float weight = w[i], product = w[i] * x[i];
    for (int h = 0; h < 2; ++h) {
      const uint32_t inside = i / 8 == h ? ~0u : 0u;
      HalfSumsIQ1_M& sums = s.sums[h];
      sums.x(j + 1) = sums.x(j) + std::bit_cast<float>(std::bit_cast<uint32_t>(product) & inside);
      sums.w(j + 1) = sums.w(j) + std::bit_cast<float>(std::bit_cast<uint32_t>(weight) & inside);
    }
  }
}

HWY_INLINE OffersIQ1_M::Chosen find_cut_iq1_m(const HalfSumsIQ1_M (&sums)[2], const float* w) {
  OffersIQ1_M offers;
  VecF largest = hn::Zero(LaneF());
  VecF qx[4], q2[4];
  quotients_iq1_m(sums, 0, 0, qx, q2);
  offers.add(0, 0, 0, within(0, 0, 0), qx, q2, largest);
  int steps = 1;
  for (int a = 0; a <= 16; ++a)
    for (int b = std::max(a - 1, 0) / lanes * lanes + 1; b <= 16; b += lanes) {
      quotients_iq1_m(sums, a, b, qx, q2);
      offers.add(steps++, a, b, within(b, a, 16), qx, q2, largest);
    }
  return offers.choose(steps, moderate(w, 16), largest);
}

HWY_INLINE float settle_iq1_m(const float* x, const float* w, const SortedIQ1_M& s, uint16_t* keys,
                              bool* down) {
  if (s.skipped || !s.cut.best.found) return 0;
  const bool flip = s.cut.best.scale < 0;
  uint8_t levels[16];
  levels_of_cut(s.order, 16, s.cut.first, s.cut.second, flip, levels);
  const int shifts = flip ? 3 - s.cut.kind : s.cut.kind;  // bit 0: second half, bit 1: first
  down[0] = shifts & 2;
  down[1] = shifts & 1;
  return settle_groups(x, w, 2, levels, down, flip ? -s.cut.best.scale : s.cut.best.scale, keys);
}

void encode_iq1_m(const float* x, const float* importance, std::byte* out, int64_t n,
                  int64_t row) {
  float sums[4] = {};
  SortedIQ1_M s[16] = {};
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
      s[c].skipped = largest_magnitude(x + 16 * c, 16) < 1e-7f;
      sort_values<16>(x + 16 * c, s[c].order);
    }
    for (int c = 0; c < 16; ++c) sum_sorted_iq1_m(x + 16 * c, w + 16 * c, s[c]);
    for (int c = 0; c < 16; ++c) s[c].cut = find_cut_iq1_m(s[c].sums, w + 16 * c);
    for (int c = 0; c < 16; ++c)
      fitted.scales[c] = settle_iq1_m(x + 16 * c, w + 16 * c, s[c], fitted.keys + 2 * c,
                                      fitted.down + 2 * c);
    store(x, fitted, out);
  }
}
#endif

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
namespace {

// The cuts and the shifts of the two halves.
struct Cut {
  int first = 0, second = 0, shifts = 0;  // bit 0: second half down, bit 1: first half down
  iq::scalar::Best best;
};

// Sums over the sorted values that lie in one half.
struct HalfSums {
  float x[17] = {}, w[17] = {};
};

Cut find_cut(const float* x, const float* w, const int* order) {
  HalfSums sums[2];
  for (int j = 0; j < 16; ++j)
    for (int h = 0; h < 2; ++h) {
      const bool inside = order[j] / 8 == h;
      sums[h].x[j + 1] = inside ? sums[h].x[j] + w[order[j]] * x[order[j]] : sums[h].x[j];
      sums[h].w[j + 1] = inside ? sums[h].w[j] + w[order[j]] : sums[h].w[j];
    }
  Cut cut;
  for (int a = 0; a <= 16; ++a)
    for (int b = a; b <= 16; ++b) {
      float qx[2][2], q2[2][2];  // by shift and half
      for (int s = 0; s < 2; ++s)
        for (int h = 0; h < 2; ++h) {
          const float* t = table_of(s);
          qx[s][h] = sums[h].x[16] * t[2] - (sums[h].x[a] + sums[h].x[b]);
          q2[s][h] = sums[h].w[16] * t[2] * t[2] + sums[h].w[a] * (t[0] * t[0] - t[1] * t[1]) +
                     sums[h].w[b] * (t[1] * t[1] - t[2] * t[2]);
        }
      for (int k = 0; k < 4; ++k) {
        if (!cut.best.take(qx[k / 2][0] + qx[k % 2][1], q2[k / 2][0] + q2[k % 2][1])) continue;
        cut.first = a;
        cut.second = b;
        cut.shifts = k;
      }
    }
  return cut;
}

float fit_sub_block(const float* x, const float* w, uint16_t* keys, bool* down) {
  float largest = 0;
  for (int i = 0; i < 16; ++i) largest = std::max(largest, std::fabs(x[i]));
  if (largest < 1e-7f) return 0;
  int order[16];
  iq::scalar::sort_values(x, 16, order);
  const Cut cut = find_cut(x, w, order);
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
  for (; n > 0; n -= 256, source += sizeof(BlockIQ1_M), destination += 256) {
    BlockIQ1_M block;
    std::memcpy(&block, source, sizeof block);
    const float d = f32_from_f16(d_of(block));
    for (int h = 0; h < 32; ++h) {
      const int code = block.scales[h / 8] >> (h / 2 % 4 * 3) & 7;
      const int qh = block.qh[h / 2] >> (h % 2 * 4);
      const float scale = d * static_cast<float>(2 * code + 1);
      const uint32_t key = iq::iq1s_keys[block.ids[h] | (qh & 7) << 8];
      for (int i = 0; i < 8; ++i)
        destination[8 * h + i] = scale * table_of(qh & 8)[key >> (2 * i) & 3];
    }
  }
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

HWY_EXPORT(encode_iq1_m);

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
    .decode = scalar::decode_iq1_m,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq1_m, search>,
    .census = census,
};

}  // namespace recast::codec
#endif

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "codec/eights.h"
#include "codec/iq1.h"
#include "codec/search.h"
#include "tensor/float16.h"

// What kernel and definition of IQ1_M share: its block, its cuts, how it is stored and read. The
// layout stands in iq1_m.cpp.
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

// The cuts of 16 sorted values and the shifts of the two halves.
struct CutIQ1_M {
  int first = 0, second = 0, shifts = 0;  // bit 0: second half down, bit 1: first half down
  iq::scalar::Best best;
};

// Sums over the sorted values that lie in one half: of the first j at [j * stride].
struct HalfSums {
  const float *x, *w;
};

inline void offer_cut(const HalfSums (&sums)[2], int stride, int a, int b, CutIQ1_M& cut) {
  float qx[2][2], q2[2][2];  // by shift and half
  for (int s = 0; s < 2; ++s)
    for (int h = 0; h < 2; ++h) {
      const float* t = table_of(s);
      const auto [x, w] = sums[h];
      qx[s][h] = x[16 * stride] * t[2] - (x[a * stride] + x[b * stride]);
      q2[s][h] = w[16 * stride] * t[2] * t[2] + w[a * stride] * (t[0] * t[0] - t[1] * t[1]) +
                 w[b * stride] * (t[1] * t[1] - t[2] * t[2]);
    }
  for (int k = 0; k < 4; ++k) {
    if (!cut.best.take(qx[k / 2][0] + qx[k % 2][1], q2[k / 2][0] + q2[k % 2][1])) continue;
    cut.first = a;
    cut.second = b;
    cut.shifts = k;
  }
}

inline CutIQ1_M find_cut(const HalfSums (&sums)[2], int stride) {
  CutIQ1_M cut;
  for (int a = 0; a <= 16; ++a)
    for (int b = a; b <= 16; ++b) offer_cut(sums, stride, a, b, cut);
  return cut;
}

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

// See eights.h.
struct EightsIQ1_M {
  using Block = BlockIQ1_M;
  static constexpr int elements = 256;
  static constexpr bool has_signs = false, shifted = true;
  static float step(const Block& block) { return f32_from_f16(d_of(block)); }
  static const uint64_t* levels() {
    static const std::vector<uint64_t> table =
        iq::value_bytes(iq::iq1s_keys, 8, 2, iq::iq1_values);
    return table.data();
  }
  static HWY_INLINE Eight eight(const Block& block, float d, int h, const uint64_t* table) {
    const int code = block.scales[h / 8] >> (h / 2 % 4 * 3) & 7;
    const int qh = block.qh[h / 2] >> (h % 2 * 4);
    return {.scale = d * static_cast<float>(2 * code + 1),
            .levels = table[block.ids[h] | (qh & 7) << 8],
            .shift = iq::shift_of(static_cast<uint32_t>(qh >> 3 & 1))};
  }
};

}  // namespace recast::codec

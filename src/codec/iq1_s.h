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

// What kernel and definition of IQ1_S share: its block, its cuts, how it is stored and read. The
// layout stands in iq1_s.cpp.
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

// The cuts of 32 sorted values and the shift.
struct CutIQ1_S {
  int first = 0, second = 0;
  bool down = false;
  iq::scalar::Best best;
};

// x, w: sums over the first j sorted values at [j * stride].
inline void offer_cut(const float* x, const float* w, int stride, int a, int b, CutIQ1_S& cut) {
  const float xa = x[a * stride], xb = x[b * stride], wa = w[a * stride], wb = w[b * stride];
  for (const float* t : {iq::shift_up, iq::shift_down}) {
    const float qx =
        (xa - x[0]) * t[0] + (xb - xa) * t[1] + (x[32 * stride] - xb) * t[2];
    const float q2 = (wa - w[0]) * t[0] * t[0] + (wb - wa) * t[1] * t[1] +
                     (w[32 * stride] - wb) * t[2] * t[2];
    if (!cut.best.take(qx, q2)) continue;
    cut.first = a;
    cut.second = b;
    cut.down = t == iq::shift_down;
  }
}

inline CutIQ1_S find_cut(const float* x, const float* w, int stride) {
  CutIQ1_S cut;
  for (int a = 0; a <= 32; ++a)
    for (int b = a; b <= 32; ++b) offer_cut(x, w, stride, a, b, cut);
  return cut;
}

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

// See eights.h.
struct EightsIQ1_S {
  using Block = BlockIQ1_S;
  static constexpr int elements = 256;
  static constexpr bool has_signs = false, shifted = true;
  static float step(const Block& block) { return f32_from_f16(block.d); }
  static const uint64_t* levels() {
    static const std::vector<uint64_t> table =
        iq::value_bytes(iq::iq1s_keys, 8, 2, iq::iq1_values);
    return table.data();
  }
  static HWY_INLINE Eight eight(const Block& block, float d, int h, const uint64_t* table) {
    const int qh = block.qh[h / 4];
    return {.scale = d * static_cast<float>(2 * (qh >> 12 & 7) + 1),
            .levels = table[block.ids[h] | (qh >> (h % 4 * 3) & 7) << 8],
            .shift = iq::shift_of(static_cast<uint32_t>(qh >> 15 & 1))};
  }
};

}  // namespace recast::codec

// IQ4_XS: 256 weights in 136 bytes, 8 sub-blocks of 32.
//
//   bytes 0-1     d          f16 step of the scales
//   bytes 2-3     scales_h   u16: the upper 2 bits of scale b at bits 2 b
//   bytes 4-7     scales_l   the lower 4 bits of scale b: nibble b % 2 of byte b / 2, low first
//   bytes 8-135   qs         16 bytes a sub-block, each as in IQ4_NL
//
//   w = d * (scale - 32) * iq4_levels[code]
//
// Source: ggml of llama.cpp v0.5.0, block_iq4_xs, dequantize_row_iq4_xs, quantize_iq4_xs.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/iq4.h"
#include "codec/nonfinite.h"
#include "codec/runs.h"
#include "codec/scalar.h"
#include "codec/search.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_IQ4_XS_TYPE
#define RECAST_CODEC_IQ4_XS_TYPE
namespace recast::codec {

struct BlockIQ4_XS {
  uint16_t d, scales_h;
  uint8_t scales_l[4];
  uint8_t qs[128];
};
static_assert(sizeof(BlockIQ4_XS) == 136);

inline void set_scale(int b, int scale, BlockIQ4_XS& block) {
  block.scales_l[b / 2] |= static_cast<uint8_t>(((scale + 32) & 15) << (b % 2 * 4));
  block.scales_h = static_cast<uint16_t>(block.scales_h | (scale + 32) >> 4 << (2 * b));
}

// Stores 8 scales as codes of one step, the largest as -32. Writes back what each scale is now,
// with the step that was not yet rounded to f16.
inline void set_scales(float* scales, BlockIQ4_XS& block) {
  float largest = 0;
  for (int b = 0; b < 8; ++b)
    if (std::fabs(scales[b]) > std::fabs(largest)) largest = scales[b];
  const float d = -largest / 32;
  const float inverse = d != 0 ? 1 / d : 0.0f;
  block.d = f16_from_f32(d);
  for (int b = 0; b < 8; ++b) {
    const int code = scalar::clamped(scalar::rounded(inverse * scales[b]), -32, 31);
    scales[b] = d * static_cast<float>(code);
    set_scale(b, code, block);
  }
}

// See runs.h.
struct RunsIQ4_XS {
  using Block = BlockIQ4_XS;
  static constexpr int elements = 256, run = 32;
  static constexpr bool affine = false;
  static constexpr const int8_t* table = iq4_table;
  static constexpr int half = 16;
  static constexpr uint64_t nibbles = offsetof(Block, qs);
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    const float d = f32_from_f16(block.d);
    for (int b = 0; b < 8; ++b) {
      const int low = block.scales_l[b / 2] >> (b % 2 * 4) & 15;
      const int code = low | (block.scales_h >> (2 * b) & 3) << 4;
      out.scales[b] = d * static_cast<float>(code - 32);
    }
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq4_xs.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/iq4-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_iq4_xs(const float* x, const float* importance, std::byte* out, int64_t n,
                   int64_t row) {
  if (importance)
    scalar::encode_weighted_iq4_xs(x, importance, out, n / row, row);
  else
    scalar::encode_iq4_xs(x, out, n);
}
#else
// One or two blocks.
HWY_INLINE void encode_iq4_xs_pair(const NearestLevel& nearest, const float* x,
                                   const float* importance, std::byte* out, int64_t blocks,
                                   int64_t offset, int64_t row) {
  alignas(64) float padded[512] = {}, values[512], w[512], scales[width], sigma2[width] = {};
  const float* source = x;
  if (blocks < 2) {
    std::copy_n(x, 256, padded);
    source = padded;
  }
  side_by_side(source, 32, 32, values);
  if (importance) {
    alignas(64) float columns[512];
    for (int s = 0; s < width; ++s)
      std::copy_n(importance + (offset + 32 * s) % row, 32, columns + 32 * s);
    side_by_side(columns, 32, 32, w);
    float sums[2] = {};
    sums_of_squares(x, 256, 256, blocks, sums);
    for (int s = 0; s < width; ++s) sigma2[s] = sums[s / 8] * (2.0f / 256);
  }
  for (int at = 0; at < width; at += lanes) {
    for (int i = at; i < 512; i += width) {
      const VecF square = hn::Mul(load(values + i), load(values + i));
      const VecF root = hn::Sqrt(hn::Add(load(sigma2 + at), square));
      store(importance ? hn::Mul(load(w + i), root) : square, w + i);
    }
    store(fit_iq4(nearest, values + at, w + at), scales + at);
  }
  for (int64_t b = 0; b < blocks; ++b, x += 256, out += sizeof(BlockIQ4_XS)) {
    BlockIQ4_XS block = {};
    set_scales(scales + 8 * b, block);
    for (int j = 0; j < 8; ++j)
      set_iq4_codes(x + 32 * j, scales[8 * b + j], block.qs + 16 * j);
    std::memcpy(out, &block, sizeof block);
  }
}

void encode_iq4_xs(const float* x, const float* importance, std::byte* out, int64_t n,
                   int64_t row) {
  const NearestLevel nearest;
  for (int64_t i = 0; i < n; i += 512, out += 2 * sizeof(BlockIQ4_XS))
    encode_iq4_xs_pair(nearest, x + i, importance, out, std::min<int64_t>(2, (n - i) / 256), i,
                       row);
}
#endif

void decode_iq4_xs(const std::byte* in, float* out, int64_t n) {
  decode_runs<RunsIQ4_XS>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
namespace {

void encode_block(const float* x, const float* importance, std::byte* out) {
  float w[32], scales[8];
  const float sigma2 = importance ? sum_of_squares(x, 256) * (2.0f / 256) : 0;
  for (int b = 0; b < 8; ++b) {
    if (importance) {
      weigh(x + 32 * b, importance + 32 * b, sigma2, 32, w);
    } else {
      for (int i = 0; i < 32; ++i) w[i] = x[32 * b + i] * x[32 * b + i];
    }
    scales[b] = fit_iq4(x + 32 * b, w);
  }
  BlockIQ4_XS block = {};
  set_scales(scales, block);
  for (int b = 0; b < 8; ++b) set_iq4_codes(x + 32 * b, scales[b], block.qs + 16 * b);
  std::memcpy(out, &block, sizeof block);
}

}  // namespace

void decode_iq4_xs(const std::byte* source, float* destination, int64_t n) {
  decode_runs<RunsIQ4_XS>(source, destination, n);
}

void encode_iq4_xs(const float* source, std::byte* destination, int64_t n) {
  for (int64_t i = 0; i < n; i += 256, destination += sizeof(BlockIQ4_XS))
    encode_block(source + i, nullptr, destination);
}

void encode_weighted_iq4_xs(const float* source, const float* importance, std::byte* destination,
                            int64_t rows, int64_t row) {
  for (int64_t i = 0; i < rows * row; i += 256, destination += sizeof(BlockIQ4_XS))
    encode_block(source + i, importance + i % row, destination);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_iq4_xs);
HWY_EXPORT(encode_iq4_xs);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_iq4_xs);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq4_xs);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq4_xs);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockIQ4_XS), 256, {0}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  BlockIQ4_XS block = {.d = fitted.d};
  for (int b = 0; b < 8; ++b) {
    set_scale(b, fitted.scales[b], block);
    set_iq4_levels(fitted.levels + 32 * b, block.qs + 16 * b);
  }
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 32, .count = 8, .block_bytes = sizeof(BlockIQ4_XS), .set = LevelSet::iq4,
    .low = -127, .high = 113, .scale_low = -32, .scale_high = 31,
    .first = 90, .last = 140, .tries = 12, .wide = 24, .close = 4, .pack = pack};

}  // namespace

constinit const Codec iq4_xs = {
    .name = "IQ4_XS",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockIQ4_XS),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq4_xs, search>,
    .census = census,
};

}  // namespace recast::codec
#endif

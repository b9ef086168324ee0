// IQ4_NL: 32 weights in 18 bytes.
//
//   bytes 0-1    d    f16 scale
//   bytes 2-17   qs   byte j: code j in the low nibble, code j + 16 in the high one
//
//   w = d * iq4_levels[code]
//
// Source: ggml of llama.cpp v0.5.0, block_iq4_nl, dequantize_row_iq4_nl, quantize_iq4_nl.
#include <algorithm>
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

#ifndef RECAST_CODEC_IQ4_NL_TYPE
#define RECAST_CODEC_IQ4_NL_TYPE
namespace recast::codec {

struct BlockIQ4_NL {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

// See runs.h.
struct RunsIQ4_NL {
  using Block = BlockIQ4_NL;
  static constexpr int elements = 32, run = 32;
  static constexpr bool affine = false;
  static constexpr const int8_t* table = iq4_table;
  static constexpr int half = 16;
  static constexpr uint64_t nibbles = offsetof(Block, qs);
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    out.scales[0] = f32_from_f16(block.d);
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq4_nl.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/iq4-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_iq4_nl(const float* x, const float* importance, std::byte* out, int64_t n,
                   int64_t row) {
  if (importance)
    scalar::encode_weighted_iq4_nl(x, importance, out, n / row, row);
  else
    scalar::encode_iq4_nl(x, out, n);
}
#else
// Up to 16 blocks; importance is that of the first column.
HWY_INLINE void encode_iq4_nl_group(const NearestLevel& nearest, const float* x,
                                    const float* importance, std::byte* out, int64_t blocks,
                                    int64_t offset, int64_t row) {
  alignas(64) float padded[512] = {}, values[512], w[512], scales[width];
  const float* source = x;
  if (blocks < width) {
    std::copy_n(x, blocks * 32, padded);
    source = padded;
  }
  side_by_side(source, 32, 32, values);
  if (importance) {
    alignas(64) float columns[512];
    for (int s = 0; s < width; ++s)
      std::copy_n(importance + (offset + 32 * s) % row, 32, columns + 32 * s);
    side_by_side(columns, 32, 32, w);
  }
  for (int at = 0; at < width; at += lanes) {
    VecF sum = hn::Zero(LaneF());
    for (int i = at; i < 512; i += width)
      sum = hn::Add(sum, hn::Mul(load(values + i), load(values + i)));
    const VecF sigma2 = hn::Mul(sum, set(2.0f / 32));
    for (int i = at; i < 512; i += width) {
      const VecF square = hn::Mul(load(values + i), load(values + i));
      store(importance ? hn::Mul(load(w + i), hn::Sqrt(hn::Add(sigma2, square))) : square, w + i);
    }
    store(fit_iq4(nearest, values + at, w + at), scales + at);
  }
  for (int64_t b = 0; b < blocks; ++b, x += 32, out += sizeof(BlockIQ4_NL)) {
    BlockIQ4_NL block = {.d = f16_from_f32(scales[b])};
    set_iq4_codes(x, scales[b], block.qs);
    std::memcpy(out, &block, sizeof block);
  }
}

void encode_iq4_nl(const float* x, const float* importance, std::byte* out, int64_t n,
                   int64_t row) {
  const NearestLevel nearest;
  for (int64_t i = 0; i < n; i += 512, out += width * sizeof(BlockIQ4_NL))
    encode_iq4_nl_group(nearest, x + i, importance, out, std::min<int64_t>(width, (n - i) / 32),
                        i, row);
}
#endif

void decode_iq4_nl(const std::byte* in, float* out, int64_t n) {
  decode_runs<RunsIQ4_NL>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
namespace {

void encode_block(const float* x, const float* importance, std::byte* out) {
  float w[32];
  if (importance) {
    weigh(x, importance, sum_of_squares(x, 32) * (2.0f / 32), 32, w);
  } else {
    for (int i = 0; i < 32; ++i) w[i] = x[i] * x[i];
  }
  const float d = fit_iq4(x, w);
  BlockIQ4_NL block = {.d = f16_from_f32(d)};
  set_iq4_codes(x, d, block.qs);
  std::memcpy(out, &block, sizeof block);
}

}  // namespace

void decode_iq4_nl(const std::byte* source, float* destination, int64_t n) {
  decode_runs<RunsIQ4_NL>(source, destination, n);
}

void encode_iq4_nl(const float* source, std::byte* destination, int64_t n) {
  for (int64_t i = 0; i < n; i += 32, destination += sizeof(BlockIQ4_NL))
    encode_block(source + i, nullptr, destination);
}

void encode_weighted_iq4_nl(const float* source, const float* importance, std::byte* destination,
                            int64_t rows, int64_t row) {
  for (int64_t i = 0; i < rows * row; i += 32, destination += sizeof(BlockIQ4_NL))
    encode_block(source + i, importance + i % row, destination);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_iq4_nl);
HWY_EXPORT(encode_iq4_nl);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_iq4_nl);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq4_nl);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq4_nl);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 32, sizeof(BlockIQ4_NL), 32, {0}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  BlockIQ4_NL block = {.d = fitted.d};
  set_iq4_levels(fitted.levels, block.qs);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 32, .count = 1, .block_bytes = sizeof(BlockIQ4_NL), .set = LevelSet::iq4,
    .low = -127, .high = 113, .scale_low = 1, .scale_high = 1,
    .first = 90, .last = 150, .tries = 30, .wide = 24, .close = 12, .pack = pack};

}  // namespace

constinit const Codec iq4_nl = {
    .name = "IQ4_NL",
    .kind = CodecKind::block,
    .block_elements = 32,
    .block_bytes = sizeof(BlockIQ4_NL),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq4_nl, search>,
    .census = census,
};

}  // namespace recast::codec
#endif

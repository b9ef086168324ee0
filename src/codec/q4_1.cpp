// Q4_1: 32 weights in 20 bytes.
//
//   bytes 0-1    d    f16 scale
//   bytes 2-3    m    f16 minimum
//   bytes 4-19   qs   byte j: code j in the low nibble, code j + 16 in the high one
//
//   w = d * code + m
//
// Encoding: d = (max - min) / 15, m = the first smallest w, code = min(15, trunc((w - m) / d +
// 0.5)), with 1 / d of the unrounded d. Where d is 0, or it or its inverse leaves f32, every code
// is 0. Source: ggml of llama.cpp v0.5.0, quantize_row_q4_1_ref and dequantize_row_q4_1, strict
// single precision.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "codec/weighted32.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_Q4_1_BLOCK
#define RECAST_CODEC_Q4_1_BLOCK
namespace recast::codec {

struct BlockQ4_1 {
  uint16_t d;
  uint16_t m;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

inline void set_codes(const uint8_t* codes, BlockQ4_1& block) {
  set_nibbles(codes, block.qs);
}

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q4_1.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/block32-inl.h"
#include "codec/weighted32-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void decode_q4_1(const std::byte* source, float* destination, int64_t n) {
  scalar::decode_q4_1(source, destination, n);
}
void encode_q4_1(const float* source, std::byte* destination, int64_t n) {
  scalar::encode_q4_1(source, destination, n);
}
void encode_weighted_q4_1(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  scalar::encode_weighted_q4_1(source, importance, destination, rows, row);
}
#else
void decode_q4_1(const std::byte* source, float* destination, int64_t n) {
  const F32 f;
  for_batches(n, [&](int64_t first, int64_t blocks) HWY_ATTR {
    alignas(64) float d[batch_blocks], m[batch_blocks];
    const std::byte* in = source + first * static_cast<int64_t>(sizeof(BlockQ4_1));
    read_scales(in, blocks, sizeof(BlockQ4_1), d);
    read_scales(in + offsetof(BlockQ4_1, m), blocks, sizeof(BlockQ4_1), m);
    for (int64_t b = 0; b < blocks; ++b, in += sizeof(BlockQ4_1)) {
      float* out = destination + (first + b) * block_elements;
      const auto scale = hn::Set(f, d[b]);
      const auto minimum = hn::Set(f, m[b]);
      for_codes(in + offsetof(BlockQ4_1, qs), nullptr, [&](int64_t i, hn::Vec<I32> code) HWY_ATTR {
        hn::StoreU(hn::Add(hn::Mul(hn::ConvertTo(f, code), scale), minimum), f, out + i);
      });
    }
  });
}

void encode_q4_1(const float* source, std::byte* destination, int64_t n) {
  Scales s;
  for_batches(n, [&](int64_t first, int64_t blocks) HWY_ATTR {
    const float* in = source + first * block_elements;
    find_extremes(in, blocks, s);
    settle_minimum(in, blocks, s);
    affine_scales(15.0f, s);
    std::byte* out = destination + first * static_cast<int64_t>(sizeof(BlockQ4_1));
    for (int64_t b = 0; b < blocks; ++b, in += block_elements, out += sizeof(BlockQ4_1)) {
      std::memcpy(out, &s.d[b], 2);
      std::memcpy(out + offsetof(BlockQ4_1, m), &s.m[b], 2);
      write_codes(in, b, s, 15, out + offsetof(BlockQ4_1, qs), nullptr);
    }
  });
}

void encode_weighted_q4_1(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_weighted_rows<BlockQ4_1>(true, 15, source, importance, destination, rows, row,
                                 [](float scale, float min, const uint8_t* codes) {
                                   BlockQ4_1 block = {.d = recast::f16_from_f32(scale),
                                                      .m = recast::f16_from_f32(min)};
                                   set_codes(codes, block);
                                   return block;
                                 });
}
#endif

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_q4_1(const std::byte* source, float* destination, int64_t n) {
  for (int64_t b = 0; b < n / 32; ++b, destination += 32) {
    BlockQ4_1 block;
    std::memcpy(&block, source + b * static_cast<int64_t>(sizeof block), sizeof block);
    const float d = f32_from_f16(block.d);
    const float m = f32_from_f16(block.m);
    for (int i = 0; i < 32; ++i) {
      const int code = i < 16 ? block.qs[i] & 15 : block.qs[i - 16] >> 4;
      destination[i] = static_cast<float>(code) * d + m;
    }
  }
}

void encode_q4_1(const float* source, std::byte* destination, int64_t n) {
  for (int64_t b = 0; b < n / 32; ++b, source += 32) {
    const auto [low, high] = extremes_32(source);
    const float d = (high - low) / 15.0f;
    const float inverse = std::isfinite(d) && d != 0 ? 1.0f / d : d;
    uint8_t codes[32];
    truncated_codes(source, low, inverse, 0.5f, 15, codes);
    BlockQ4_1 block = {.d = f16_from_f32(d), .m = f16_from_f32(low)};
    set_codes(codes, block);
    std::memcpy(destination + b * static_cast<int64_t>(sizeof block), &block, sizeof block);
  }
}

void encode_weighted_q4_1(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_weighted_32<BlockQ4_1>(
      source, importance, destination, rows, row, [](const float* x, const float* w) {
        uint8_t codes[32];
        const Affine fit = fit_affine(weighted_search_32(15), x, w, codes);
        BlockQ4_1 block = {.d = f16_from_f32(fit.scale), .m = f16_from_f32(-fit.min)};
        set_codes(codes, block);
        return block;
      });
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_q4_1);
HWY_EXPORT(encode_q4_1);
HWY_EXPORT(encode_weighted_q4_1);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q4_1);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q4_1);
  kernel(source, destination, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_weighted_q4_1);
  kernel(source, importance, destination, rows, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 32, sizeof(BlockQ4_1), 32, {0, offsetof(BlockQ4_1, m)}, first_index,
               census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[32];
  std::copy_n(fitted.levels, 32, codes);
  BlockQ4_1 block = {.d = fitted.d, .m = static_cast<uint16_t>(fitted.dmin ^ 0x8000u)};
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr AffineType search = {
    .sub = 32, .count = 1, .block_bytes = sizeof(BlockQ4_1), .top = 15,
    .scale_top = 1, .cut = 0.02f, .cuts = 8, .rounds = 3, .pack = pack};

}  // namespace

constinit const Codec q4_1 = {
    .name = "Q4_1",
    .kind = CodecKind::block,
    .block_elements = 32,
    .block_bytes = sizeof(BlockQ4_1),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = encode,
    .encode_best = best<q4_1, search>,
    .census = census,
};

}  // namespace recast::codec
#endif

// Q4_0: 32 weights in 18 bytes.
//
//   bytes 0-1    d    f16 scale
//   bytes 2-17   qs   byte j: code j in the low nibble, code j + 16 in the high one
//
//   w = d * (code - 8)
//
// Encoding: d = M / -8, M the first w of largest magnitude, code = min(15, trunc(w / d + 8.5)),
// with 1 / d of the unrounded d. Where d is 0 every code is 8; where 1 / d leaves f32 every code
// is 0, as the reference build gives. Source: ggml of llama.cpp v0.5.0, quantize_row_q4_0_ref and
// dequantize_row_q4_0, strict single precision.
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

#ifndef RECAST_CODEC_Q4_0_BLOCK
#define RECAST_CODEC_Q4_0_BLOCK
namespace recast::codec {

struct BlockQ4_0 {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_0) == 18);

inline void set_codes(const uint8_t* codes, BlockQ4_0& block) {
  set_nibbles(codes, block.qs);
}

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q4_0.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/block32-inl.h"
#include "codec/weighted32-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void decode_q4_0(const std::byte* source, float* destination, int64_t n) {
  scalar::decode_q4_0(source, destination, n);
}
void encode_q4_0(const float* source, std::byte* destination, int64_t n) {
  scalar::encode_q4_0(source, destination, n);
}
void encode_weighted_q4_0(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  scalar::encode_weighted_q4_0(source, importance, destination, rows, row);
}
#else
void decode_q4_0(const std::byte* source, float* destination, int64_t n) {
  const F32 f;
  for_batches(n, [&](int64_t first, int64_t blocks) HWY_ATTR {
    alignas(64) float d[batch_blocks];
    const std::byte* in = source + first * static_cast<int64_t>(sizeof(BlockQ4_0));
    read_scales(in, blocks, sizeof(BlockQ4_0), d);
    for (int64_t b = 0; b < blocks; ++b, in += sizeof(BlockQ4_0)) {
      float* out = destination + (first + b) * block_elements;
      const auto scale = hn::Set(f, d[b]);
      for_codes(in + offsetof(BlockQ4_0, qs), nullptr, [&](int64_t i, hn::Vec<I32> code) HWY_ATTR {
        const auto centred = hn::Sub(code, hn::Set(I32(), 8));
        hn::StoreU(hn::Mul(hn::ConvertTo(f, centred), scale), f, out + i);
      });
    }
  });
}

void encode_q4_0(const float* source, std::byte* destination, int64_t n) {
  Scales s;
  for_batches(n, [&](int64_t first, int64_t blocks) HWY_ATTR {
    const float* in = source + first * block_elements;
    find_extremes(in, blocks, s);
    settle_largest(in, blocks, s);
    signed_scales(-8.0f, 8.5f, s);
    std::byte* out = destination + first * static_cast<int64_t>(sizeof(BlockQ4_0));
    for (int64_t b = 0; b < blocks; ++b, in += block_elements, out += sizeof(BlockQ4_0)) {
      std::memcpy(out, &s.d[b], 2);
      write_codes(in, b, s, 15, out + offsetof(BlockQ4_0, qs), nullptr);
    }
  });
}

void encode_weighted_q4_0(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_weighted_rows<BlockQ4_0>(false, 15, source, importance, destination, rows, row,
                                 [](float scale, float, const uint8_t* codes) {
                                   BlockQ4_0 block = {.d = recast::f16_from_f32(scale)};
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

void decode_q4_0(const std::byte* source, float* destination, int64_t n) {
  for (int64_t b = 0; b < n / 32; ++b, destination += 32) {
    BlockQ4_0 block;
    std::memcpy(&block, source + b * static_cast<int64_t>(sizeof block), sizeof block);
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) {
      const int code = i < 16 ? block.qs[i] & 15 : block.qs[i - 16] >> 4;
      destination[i] = static_cast<float>(code - 8) * d;
    }
  }
}

void encode_q4_0(const float* source, std::byte* destination, int64_t n) {
  for (int64_t b = 0; b < n / 32; ++b, source += 32) {
    const float d = first_largest(32, source) / -8.0f;
    uint8_t codes[32];
    truncated_codes(source, 0, d != 0 ? 1.0f / d : 0.0f, 8.5f, 15, codes);
    BlockQ4_0 block = {.d = f16_from_f32(d)};
    set_codes(codes, block);
    std::memcpy(destination + b * static_cast<int64_t>(sizeof block), &block, sizeof block);
  }
}

void encode_weighted_q4_0(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_weighted_32<BlockQ4_0>(
      source, importance, destination, rows, row, [](const float* x, const float* w) {
        uint8_t codes[32];
        BlockQ4_0 block = {.d = f16_from_f32(fit_signed(32, 8, x, w, codes))};
        set_codes(codes, block);
        return block;
      });
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_q4_0);
HWY_EXPORT(encode_q4_0);
HWY_EXPORT(encode_weighted_q4_0);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q4_0);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q4_0);
  kernel(source, destination, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_weighted_q4_0);
  kernel(source, importance, destination, rows, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 32, sizeof(BlockQ4_0), 32, {0}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[32];
  for (int i = 0; i < 32; ++i) codes[i] = static_cast<uint8_t>(fitted.levels[i] + 8);
  BlockQ4_0 block = {.d = fitted.d};
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 32, .count = 1, .block_bytes = sizeof(BlockQ4_0), .set = LevelSet::whole,
    .low = -8, .high = 7, .scale_low = 1, .scale_high = 1,
    .first = 6, .last = 10, .tries = 30, .wide = 24, .close = 12, .pack = pack};

}  // namespace

constinit const Codec q4_0 = {
    .name = "Q4_0",
    .kind = CodecKind::block,
    .block_elements = 32,
    .block_bytes = sizeof(BlockQ4_0),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = encode,
    .encode_best = best<q4_0, search>,
    .census = census,
};

}  // namespace recast::codec
#endif

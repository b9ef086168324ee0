// Q5_0: 32 weights in 22 bytes.
//
//   bytes 0-1    d    f16 scale
//   bytes 2-5    qh   bit i is the fifth bit of code i, little endian
//   bytes 6-21   qs   byte j: code j in the low nibble, code j + 16 in the high one
//
//   w = d * (code - 16)
//
// Encoding: d = M / -16, M the first w of largest magnitude, code = min(31, trunc(w / d + 16.5)),
// with 1 / d of the unrounded d. Where d is 0 every code is 16; where 1 / d leaves f32 every code
// is 0, as the reference build gives. Source: ggml of llama.cpp v0.5.0, quantize_row_q5_0_ref and
// dequantize_row_q5_0, strict single precision.
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

#ifndef RECAST_CODEC_Q5_0_BLOCK
#define RECAST_CODEC_Q5_0_BLOCK
namespace recast::codec {

struct BlockQ5_0 {
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

inline void set_codes(const uint8_t* codes, BlockQ5_0& block) {
  set_nibbles(codes, block.qs);
  set_fifth_bits(codes, block.qh);
}

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q5_0.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/block32-inl.h"
#include "codec/weighted32-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void decode_q5_0(const std::byte* source, float* destination, int64_t n) {
  scalar::decode_q5_0(source, destination, n);
}
void encode_q5_0(const float* source, std::byte* destination, int64_t n) {
  scalar::encode_q5_0(source, destination, n);
}
void encode_weighted_q5_0(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  scalar::encode_weighted_q5_0(source, importance, destination, rows, row);
}
#else
void decode_q5_0(const std::byte* source, float* destination, int64_t n) {
  const F32 f;
  for_batches(n, [&](int64_t first, int64_t blocks) HWY_ATTR {
    alignas(64) float d[batch_blocks];
    const std::byte* in = source + first * static_cast<int64_t>(sizeof(BlockQ5_0));
    read_scales(in, blocks, sizeof(BlockQ5_0), d);
    for (int64_t b = 0; b < blocks; ++b, in += sizeof(BlockQ5_0)) {
      float* out = destination + (first + b) * block_elements;
      const auto scale = hn::Set(f, d[b]);
      for_codes(in + offsetof(BlockQ5_0, qs), in + offsetof(BlockQ5_0, qh),
                [&](int64_t i, hn::Vec<I32> code) HWY_ATTR {
                  const auto centred = hn::Sub(code, hn::Set(I32(), 16));
                  hn::StoreU(hn::Mul(hn::ConvertTo(f, centred), scale), f, out + i);
                });
    }
  });
}

void encode_q5_0(const float* source, std::byte* destination, int64_t n) {
  Scales s;
  for_batches(n, [&](int64_t first, int64_t blocks) HWY_ATTR {
    const float* in = source + first * block_elements;
    find_extremes(in, blocks, s);
    settle_largest(in, blocks, s);
    signed_scales(-16.0f, 16.5f, s);
    std::byte* out = destination + first * static_cast<int64_t>(sizeof(BlockQ5_0));
    for (int64_t b = 0; b < blocks; ++b, in += block_elements, out += sizeof(BlockQ5_0)) {
      std::memcpy(out, &s.d[b], 2);
      write_codes(in, b, s, 31, out + offsetof(BlockQ5_0, qs), out + offsetof(BlockQ5_0, qh));
    }
  });
}

void encode_weighted_q5_0(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_weighted_rows<BlockQ5_0>(false, 31, source, importance, destination, rows, row,
                                 [](float scale, float, const uint8_t* codes) {
                                   BlockQ5_0 block = {.d = recast::f16_from_f32(scale)};
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

void decode_q5_0(const std::byte* source, float* destination, int64_t n) {
  for (int64_t b = 0; b < n / 32; ++b, destination += 32) {
    BlockQ5_0 block;
    std::memcpy(&block, source + b * static_cast<int64_t>(sizeof block), sizeof block);
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) {
      int code = i < 16 ? block.qs[i] & 15 : block.qs[i - 16] >> 4;
      code |= (block.qh[i / 8] >> (i % 8) & 1) << 4;
      destination[i] = static_cast<float>(code - 16) * d;
    }
  }
}

void encode_q5_0(const float* source, std::byte* destination, int64_t n) {
  for (int64_t b = 0; b < n / 32; ++b, source += 32) {
    const float d = first_largest(32, source) / -16.0f;
    uint8_t codes[32];
    truncated_codes(source, 0, d != 0 ? 1.0f / d : 0.0f, 16.5f, 31, codes);
    BlockQ5_0 block = {.d = f16_from_f32(d)};
    set_codes(codes, block);
    std::memcpy(destination + b * static_cast<int64_t>(sizeof block), &block, sizeof block);
  }
}

void encode_weighted_q5_0(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_weighted_32<BlockQ5_0>(
      source, importance, destination, rows, row, [](const float* x, const float* w) {
        uint8_t codes[32];
        BlockQ5_0 block = {.d = f16_from_f32(fit_signed(32, 16, x, w, codes))};
        set_codes(codes, block);
        return block;
      });
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_q5_0);
HWY_EXPORT(encode_q5_0);
HWY_EXPORT(encode_weighted_q5_0);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q5_0);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q5_0);
  kernel(source, destination, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_weighted_q5_0);
  kernel(source, importance, destination, rows, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 32, sizeof(BlockQ5_0), 32, {0}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[32];
  for (int i = 0; i < 32; ++i) codes[i] = static_cast<uint8_t>(fitted.levels[i] + 16);
  BlockQ5_0 block = {.d = fitted.d};
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 32, .count = 1, .block_bytes = sizeof(BlockQ5_0), .set = LevelSet::whole,
    .low = -16, .high = 15, .scale_low = 1, .scale_high = 1,
    .first = 12, .last = 19, .tries = 40, .wide = 24, .close = 12, .pack = pack};

}  // namespace

constinit const Codec q5_0 = {
    .name = "Q5_0",
    .kind = CodecKind::block,
    .block_elements = 32,
    .block_bytes = sizeof(BlockQ5_0),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = encode,
    .encode_best = best<q5_0, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
